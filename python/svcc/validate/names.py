"""The forms of names in Kubernetes, and the server's words when a name has another (apimachinery, util/validation).

Each function returns the messages for a value, none if it is well formed.
"""

from __future__ import annotations

import re

__all__ = [
    "SUPPORTED_PROTOCOLS",
    "dns_label_errors",
    "dns_subdomain_errors",
    "label_value_errors",
    "old_service_name_errors",
    "port_name_errors",
    "port_number_errors",
    "qualified_name_errors",
]

SUPPORTED_PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})

_LABEL_LENGTH = 63
_SUBDOMAIN_LENGTH = 253
_PORT_NAME_LENGTH = 15
_LARGEST_PORT = 65535

_DNS_1123_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_1123_SUBDOMAIN = rf"{_DNS_1123_LABEL}(\.{_DNS_1123_LABEL})*"
_DNS_1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED_NAME})?"

_is_dns_label = re.compile(_DNS_1123_LABEL).fullmatch
_is_dns_subdomain = re.compile(_DNS_1123_SUBDOMAIN).fullmatch
_is_old_label = re.compile(_DNS_1035_LABEL).fullmatch
_is_qualified_name = re.compile(_QUALIFIED_NAME).fullmatch
_is_label_value = re.compile(_LABEL_VALUE).fullmatch
_has_port_name_characters = re.compile("[-a-z0-9]+").fullmatch
_has_letter = re.compile("[a-z]").search


def _regex_error(message: str, expression: str, *examples: str) -> str:
    """`validation.RegexError`; the two spaces before `or` are the server's."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{expression}')"


def _too_long(value: str, most: int) -> list[str]:
    """`validation.MaxLenError`; Go counts bytes."""
    if len(value.encode("utf-8", "surrogatepass")) > most:
        return [f"must be no more than {most} characters"]
    return []


def dns_label_errors(value: str) -> list[str]:
    """`IsDNS1123Label`: namespaces, port names, Service names since 1.37."""
    errors = _too_long(value, _LABEL_LENGTH)
    if _is_dns_label(value):
        return errors
    if _is_dns_subdomain(value):
        return [*errors, "must not contain dots"]
    message = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character"
    )
    return [*errors, _regex_error(message, _DNS_1123_LABEL, "my-name", "123-abc")]


def dns_subdomain_errors(value: str) -> list[str]:
    """`IsDNS1123Subdomain`: names of most objects, external names, node names."""
    errors = _too_long(value, _SUBDOMAIN_LENGTH)
    if _is_dns_subdomain(value):
        return errors
    message = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        "and must start and end with an alphanumeric character"
    )
    return [*errors, _regex_error(message, _DNS_1123_SUBDOMAIN, "example.com")]


def old_service_name_errors(value: str) -> list[str]:
    """`IsDNS1035Label`: Service names before 1.37 (KEP-5311)."""
    errors = _too_long(value, _LABEL_LENGTH)
    if _is_old_label(value):
        return errors
    message = (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character"
    )
    return [*errors, _regex_error(message, _DNS_1035_LABEL, "my-name", "abc-123")]


def qualified_name_errors(value: str) -> list[str]:
    """`IsQualifiedName`: label and annotation keys, classes, application protocols."""
    form = (
        "must consist of alphanumeric characters, '-', '_' or '.', "
        "and must start and end with an alphanumeric character"
    )
    examples = ("MyName", "my.name", "123-abc")
    parts = value.split("/")
    if len(parts) > 2:
        described = _regex_error(f"a qualified name {form}", _QUALIFIED_NAME, *examples)
        return [f"{described} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    errors = []
    if len(parts) == 2:
        if parts[0]:
            errors = [f"prefix part {error}" for error in dns_subdomain_errors(parts[0])]
        else:
            errors = ["prefix part must be non-empty"]
    name = parts[-1]
    if not name:
        errors.append("name part must be non-empty")
    else:
        errors.extend(f"name part {error}" for error in _too_long(name, _LABEL_LENGTH))
    if not _is_qualified_name(name):
        errors.append("name part " + _regex_error(form, _QUALIFIED_NAME, *examples))
    return errors


def label_value_errors(value: str) -> list[str]:
    """`IsValidLabelValue`: label and selector values, zone hints."""
    errors = _too_long(value, _LABEL_LENGTH)
    if _is_label_value(value):
        return errors
    message = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
        "and must start and end with an alphanumeric character"
    )
    return [*errors, _regex_error(message, _LABEL_VALUE, "MyValue", "my_value", "12345")]


def port_name_errors(value: str) -> list[str]:
    """`IsValidPortName`: the IANA service names of target ports (RFC 6335)."""
    errors = _too_long(value, _PORT_NAME_LENGTH)
    if not _has_port_name_characters(value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _has_letter(value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def port_number_errors(value: int) -> list[str]:
    """`IsValidPortNum`."""
    return [] if 1 <= value <= _LARGEST_PORT else [f"must be between 1 and {_LARGEST_PORT}, inclusive"]

"""The form in which the API has objects: the fields svcc reads, the server's defaults, to and from the model."""

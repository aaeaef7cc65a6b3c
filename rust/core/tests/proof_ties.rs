//! Base chains of one priority: what is decided although their order is not known.

use svcc_core::evaluate::{ConnectionState, Surroundings, Verdict};
use svcc_core::program::{IpVersion, Program};
use svcc_core::proof::{
    Case, Coverage, Difference, Functions, Neighbourhood, Options, Records, Settings, behaviour, compare_programs,
};
use svcc_core::read;
use svcc_core::ruleset::Hook;

fn program(text: &str) -> Program {
    Program::new(read::text(text.as_bytes()).expect("the rules are fine"))
}

fn table(name: &str, handle: &str, rules: &str) -> String {
    format!(
        "table {name} {{\n\tchain c {{{handle}\n\t\ttype filter hook forward priority 0; policy accept;\n\t\t{rules}\n\t}}\n}}\n"
    )
}

/// The questions that packets from elsewhere meet.
fn asked(text: &str) -> Vec<String> {
    let case = Case { hook: Hook::Prerouting, version: IpVersion::V4, state: ConnectionState::New };
    let options =
        Options { initial_mark: Some(0), records: Records::Absent, local_addresses_complete: true, limit: 10_000 };
    let (program, mut functions) = (program(text), Functions::new(case, 10_000));
    behaviour(&program, &Surroundings::default(), case, &options, &mut functions, &mut Coverage::new(&program))
        .expect("the function is small");
    (0..).map_while(|number| functions.questions.get(number)).map(|question| question.reason.to_string()).collect()
}

fn differences(left: &str, right: &str) -> Vec<Difference> {
    let settings = Settings {
        local_addresses_complete: true,
        support: false,
        limit: 10_000,
        told: 10,
        neighbourhood: Neighbourhood::default(),
    };
    let examined = compare_programs(&program(left), &program(right), &Surroundings::default(), &settings)
        .expect("the functions are small");
    examined.into_iter().flat_map(|examined| examined.report.differences).collect()
}

#[test]
fn a_question_of_order_names_the_chains_with_their_tables() {
    let text = table("ip svcc", "", "reject") + &table("inet firewalld", "", "drop");
    assert_eq!(
        asked(&text),
        ["the chains ip svcc c and inet firewalld c have the same priority 0 at forward, and which was made first is \
          not in the dump"]
    );
}

#[test]
fn the_greatest_handle_of_one_table_is_first() {
    let chain = |name: &str, handle: u32, rule: &str| {
        format!(
            "\tchain {name} {{ # handle {handle}\n\t\ttype filter hook forward priority filter; policy accept;\n\t\t{rule} \
             # handle {}\n\t}}\n",
            handle + 10
        )
    };
    let of = |chains: String| format!("table ip t {{ # handle 1\n{chains}}}\n");
    let two = of(chain("early", 1, "drop") + &chain("late", 2, "reject"));
    assert_eq!(asked(&two), [""; 0]);
    assert_eq!(differences(&of(chain("late", 2, "reject")), &two).len(), 0);
    assert_ne!(differences(&of(chain("early", 1, "drop")), &two).len(), 0);
}

#[test]
fn what_either_order_refuses_is_refused_and_only_how_is_not_known() {
    let text = table("ip svcc", "", "tcp dport 80 reject") + &table("ip other", "", "tcp dport 80 drop");
    let found = differences(&table("ip svcc", "", "tcp dport 80 reject"), &text);
    assert_ne!(found.len(), 0);
    assert!(found.iter().all(|difference| difference.refused && difference.undecided));
    assert!(found.iter().all(|difference| difference.found.iter().all(|it| it.outcome.verdict == Verdict::Unknown)));
}

#[test]
fn what_is_let_through_in_one_order_is_not_taken_for_refused() {
    let marks = table("ip marks", "", "tcp dport 80 meta mark set 1");
    let drops = table("ip drops", "", "meta mark 1 drop");
    let found = differences(&table("ip drops", "", "tcp dport 80 drop"), &(marks + &drops));
    assert_ne!(found.len(), 0);
    assert!(found.iter().any(|difference| difference.undecided));
    assert!(found.iter().all(|difference| !difference.refused));
}

#[test]
fn what_is_dropped_in_every_order_instead_of_rejected_is_decided() {
    let text = table("ip one", "", "tcp dport 80 drop") + &table("ip two", "", "tcp dport 80 drop");
    let found = differences(&table("ip svcc", "", "tcp dport 80 reject"), &text);
    assert_ne!(found.len(), 0);
    assert!(found.iter().all(|difference| !difference.undecided && !difference.refused));
}

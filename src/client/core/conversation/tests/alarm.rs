//! A conversation that is woken only at its deadlines does the same, at the same times, as one that is woken all the
//! time.

use super::*;
use proptest::prelude::*;

/// The step of the clock in milliseconds. Every wait of a conversation is a multiple of it.
const STEP: u64 = 10;

#[derive(Debug, Clone)]
enum Happens {
    Connected,
    Lost,
    Online { another: bool, rate: bool },
    Offline,
    Welcome,
    NickInUse,
    Typed(&'static str),
    Acknowledged(u64),
    Stored(u64),
    Mark { from: u64, to: u64, seen: bool },
    Said(u64),
    Pong,
    Page { token: u64, to: u64 },
    PageRefused { token: u64 },
}

fn happens() -> impl Strategy<Value = Happens> {
    let lines =
        ["hello", "/users", "/ping", "/history", "/nick bob", "/join dev", "/part dev", "/msg carol psst", "/status"];
    prop_oneof![
        4 => Just(Happens::Connected),
        1 => Just(Happens::Lost),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(another, rate)| Happens::Online { another, rate }),
        1 => Just(Happens::Offline),
        3 => Just(Happens::Welcome),
        1 => Just(Happens::NickInUse),
        6 => proptest::sample::select(lines.to_vec()).prop_map(Happens::Typed),
        3 => (1..8u64).prop_map(Happens::Acknowledged),
        3 => (1..8u64).prop_map(Happens::Stored),
        3 => (0..8u64, 1..4u64, any::<bool>()).prop_map(|(from, more, seen)| Happens::Mark { from, to: from + more, seen }),
        2 => (1..8u64).prop_map(Happens::Said),
        1 => Just(Happens::Pong),
        4 => (1..12u64, 0..10u64).prop_map(|(token, to)| Happens::Page { token, to }),
        1 => (1..12u64).prop_map(|token| Happens::PageRefused { token }),
    ]
}

fn script() -> impl Strategy<Value = Vec<(u64, Happens)>> {
    // At once, soon, or after a while.
    let pause = prop_oneof![2 => Just(0), 3 => 0..150u64, 1 => 0..2_000u64];
    prop::collection::vec((pause, happens()), 1..40)
}

fn input(happens: &Happens, conn: u32) -> Input {
    let arrives = |topic: &str, payload: String| message(topic, &payload, false);
    let ours = "chat/private/alice/server";
    match happens {
        Happens::Connected => connected(conn, Vec::new()),
        Happens::Lost => Input::Link(Event::Lost { reason: "gone".to_owned() }),
        Happens::Online { another, rate } => {
            let instance = if *another { "two" } else { "one" };
            let rate = if *rate { r#","rate":2"# } else { "" };
            arrives(
                "chat/server",
                format!(
                    r#"{{"type":"server","status":"online","instance":"{instance}","started":"2026-11-22T19:00:00Z","version":"1","heartbeat_seconds":10{rate}}}"#
                ),
            )
        }
        Happens::Offline => arrives(
            "chat/server",
            r#"{"type":"server","status":"offline","instance":"one","started":"2026-11-22T19:00:00Z","version":"1"}"#
                .to_owned(),
        ),
        Happens::Welcome => arrives(ours, WELCOME.to_owned()),
        Happens::NickInUse => {
            arrives(ours, format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":"{SESSION}"}}"#))
        }
        Happens::Typed(line) => Input::Typed(TypedLine::parse(line)),
        Happens::Acknowledged(ticket) => Input::Link(Event::Published { ticket: *ticket }),
        Happens::Stored(seq) => {
            arrives(ours, format!(r#"{{"type":"stored","session":"{SESSION}","seq":[[1,{seq}]]}}"#))
        }
        Happens::Mark { from, to, seen } => {
            let nick = if *seen { "carol" } else { "dave" };
            arrives(
                "chat/marks/lobby",
                format!(
                    r#"{{"type":"mark","room":"lobby","epoch":"rkrxc5f0sqnm","from":{from},"to":{to},"ids":{{"{nick}":{{"aaaaaaaaaaaa":[[{},{to}]]}}}}}}"#,
                    from + 1
                ),
            )
        }
        Happens::Said(seq) => arrives(
            "chat/messages/lobby/carol",
            format!(r#"{{"type":"chat","username":"carol","message":"m{seq}","id":"aaaaaaaaaaaa-{seq}"}}"#),
        ),
        Happens::Pong => arrives(ours, format!(r#"{{"type":"pong","request":"{}"}}"#, 1)),
        Happens::Page { token, to } => arrives(
            ours,
            format!(
                r#"{{"type":"history","room":"lobby","messages":[],"request":"{}","epoch":"rkrxc5f0sqnm","from":0,"to":{to},"complete":true}}"#,
                super::token(*token)
            ),
        ),
        Happens::PageRefused { token } => arrives(
            ours,
            format!(r#"{{"type":"error","code":"busy","message":"later","request":"{}"}}"#, super::token(*token)),
        ),
    }
}

/// The outputs and their times. Outputs at the same time are sorted.
fn run(role: Role, on_terminal: bool, script: &[(u64, Happens)], always_ticks: bool) -> Vec<(u64, Vec<String>)> {
    let mut stage = Stage::new(|config| {
        (config.role, config.on_terminal, config.keeps_outbox) = (role, on_terminal, true);
    });
    let begin = stage.now.instant;
    let (mut story, mut at, mut conn) = (Vec::new(), 0, 0);
    let mut script = script.iter();
    let mut next = script.next().map(|(pause, happens)| (*pause, happens));
    // Long enough for the last retransmission.
    let mut end = 13_000;
    while at < end {
        stage.now.instant = begin + Duration::from_millis(at * STEP);
        while let Some((time, happens)) = next
            && time <= at
        {
            conn += u32::from(matches!(happens, Happens::Connected));
            stage.input(input(happens, conn));
            next = script.next().map(|(pause, happens)| (at + pause, happens));
            end = at + 13_000;
        }
        let is_due = stage.conversation.due().is_some_and(|due| due <= stage.now.instant);
        if always_ticks || is_due {
            stage.input(Input::Tick);
        }
        let due = stage.conversation.due();
        assert!(due.is_none_or(|due| due > stage.now.instant), "it would never sleep, at {at}");
        let mut out: Vec<String> = stage.out.drain(..).map(|out| format!("{out:?}")).collect();
        if !out.is_empty() {
            out.sort();
            story.push((at, out));
        }
        at += 1;
        if !always_ticks {
            // Straight to the next deadline or event.
            let due = due.map_or(u64::MAX, |due| ((due - begin).as_millis() as u64).div_ceil(STEP));
            let soon = next.map_or(u64::MAX, |(time, _)| time);
            at = at.max(due.min(soon));
        }
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_deadline_is_missed(script in script(), is_sender in any::<bool>(), on_terminal in any::<bool>()) {
        let role = if is_sender { Role::Sender } else { Role::Member };
        let on_terminal = on_terminal && !is_sender;
        let ticked = run(role, on_terminal, &script, true);
        let woken = run(role, on_terminal, &script, false);
        prop_assert_eq!(woken, ticked);
    }
}

#[track_caller]
fn check(role: Role, script: &[Happens]) {
    let script: Vec<_> = script.iter().map(|happens| (1, happens.clone())).collect();
    assert_eq!(run(role, false, &script, false), run(role, false, &script, true));
}

#[test]
fn no_rare_deadline_is_missed() {
    let online = Happens::Online { another: false, rate: true };
    let hello = Happens::Typed("hello");
    // The pace.
    let burst = [Happens::Connected, online.clone(), Happens::Welcome].into_iter().chain(vec![hello.clone(); 7]);
    check(Role::Member, &burst.collect::<Vec<_>>());
    // A join that the server answers, but not with a welcome.
    check(Role::Member, &[Happens::Connected, online, Happens::Stored(1), hello.clone()]);
    // A sender that waits for a server.
    check(Role::Sender, &[Happens::Connected, hello, Happens::Acknowledged(1)]);
}

#[test]
fn an_idle_conversation_sleeps_until_its_heartbeat() {
    let mut stage = Stage::welcomed();
    // The list and the page that a join requests.
    for number in 1..=2 {
        let token = super::token(number);
        stage.arrives(
            "chat/private/alice/server",
            &format!(r#"{{"type":"online_users","users":[],"count":0,"request":"{token}"}}"#),
        );
        stage.arrives(
            "chat/private/alice/server",
            &format!(r#"{{"type":"history","room":"lobby","messages":[],"request":"{token}","epoch":"rkrxc5f0sqnm","from":0,"to":0}}"#),
        );
    }
    let begin = stage.now.instant;
    let mut wakes = Vec::new();
    while let Some(due) = stage.conversation.due()
        && due <= begin + Duration::from_secs(60)
    {
        stage.now.instant = due;
        stage.input(Input::Tick);
        wakes.push((due - begin).as_secs());
    }
    assert_eq!(wakes, [10, 20, 30, 40, 50, 60]);
}

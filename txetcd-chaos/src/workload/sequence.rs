//! A sequence: no number is drawn twice, and whoever asks after another one was told a number gets a higher one.

use super::Worker;
use crate::clock;
use crate::record::Event;

pub(super) async fn work(worker: &mut Worker) {
    let sequence = worker.db.client().sequence("numbers");
    while !worker.is_done() {
        let start_ns = clock::now();
        match sequence.next().await {
            Ok(number) => worker.event(Event::Drawn { number, start_ns, end_ns: clock::now() }),
            Err(error) => worker.expect("sequence", &error),
        }
    }
}

/// What is wrong with the numbers that were drawn.
pub fn judge(events: &[Event]) -> Vec<String> {
    let mut drawn: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Drawn { number, start_ns, end_ns } => Some((*number, *start_ns, *end_ns)),
            _ => None,
        })
        .collect();
    drawn.sort_unstable();
    let mut wrong = Vec::new();
    for pair in drawn.windows(2) {
        if pair[0].0 == pair[1].0 {
            wrong.push(format!("sequence: {} was drawn twice", pair[0].0));
        }
    }
    // The latest beginning among the numbers up to each: nobody who asked for a lower one may have begun later than
    // a higher one was told.
    let mut latest = i64::MIN;
    for (number, start_ns, end_ns) in drawn {
        if end_ns < latest {
            wrong.push(format!("sequence: {number} was told before a lower number was asked for"));
        }
        latest = latest.max(start_ns);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::record::Event;

    #[test]
    fn numbers_that_repeat_or_go_back_are_found() {
        let drawn = |number, start_ns| Event::Drawn { number, start_ns, end_ns: start_ns + 5 };
        assert_eq!(judge(&[drawn(2, 3), drawn(1, 0), drawn(4, 20)]), [""; 0]);
        assert_eq!(judge(&[drawn(2, 0), drawn(2, 10)]), ["sequence: 2 was drawn twice"]);
        assert_eq!(
            judge(&[drawn(5, 0), drawn(3, 10)]),
            ["sequence: 5 was told before a lower number was asked for"]
        );
    }
}

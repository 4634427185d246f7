//! Wills of connections that have ended and that are not published yet.

use crate::simulation::packet::Publish;
use crate::simulation::world::Micros;
use std::rc::Rc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWill {
    pub client_id: Rc<str>,
    /// The node of the cluster that the connection ended at.
    pub home: usize,
    pub publish: Publish,
}

/// In the order in which their connections ended.
#[derive(Default)]
pub struct Wills {
    pending: Vec<(Micros, LastWill)>,
}

impl Wills {
    pub fn add(&mut self, at: Micros, will: LastWill) {
        self.pending.push((at, will));
    }

    /// The client is back; as MQTT 5 wants it, its will need not come.
    pub fn cancel(&mut self, client_id: &str) {
        self.pending.retain(|(_, will)| &*will.client_id != client_id);
    }

    /// What was not due yet becomes due at once.
    pub fn release(&mut self, now: Micros) {
        self.pending.iter_mut().for_each(|(at, _)| *at = now.min(*at));
    }

    pub fn due(&self) -> Option<Micros> {
        self.pending.iter().map(|(at, _)| *at).min()
    }

    /// The next will that is due at `now`.
    pub fn next(&mut self, now: Micros) -> Option<LastWill> {
        let due = self.due().filter(|at| *at <= now)?;
        let place = self.pending.iter().position(|(at, _)| *at == due)?;
        Some(self.pending.remove(place).1)
    }

    pub fn clear(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Qos;

    #[test]
    fn wills_come_at_their_times_unless_they_are_cancelled() {
        let mut wills = Wills::default();
        for (at, client_id) in [(9, "a"), (5, "b"), (5, "c"), (7, "d")] {
            let publish = Publish::new("t", b"gone", Qos::AtLeastOnce, false);
            wills.add(at, LastWill { client_id: client_id.into(), home: 0, publish });
        }
        wills.cancel("d");
        assert_eq!(wills.due(), Some(5));
        let came: Vec<_> = std::iter::from_fn(|| wills.next(8)).map(|will| will.client_id.to_string()).collect();
        assert_eq!((came, wills.due()), (vec!["b".to_owned(), "c".to_owned()], Some(9)));
    }
}

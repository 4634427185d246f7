//! The end of all faults, and what people do about what they left behind.

use super::happening::{Happening, Startup};
use super::node::Node;
use super::{AGAIN, Run};
use crate::simulation::world::{Micros, NodeId, S};

/// Afterwards somebody looks as often whether two servers have the chat.
const LOOKS: Micros = 20 * S;

impl Run<'_> {
    /// All faults end, and every program that one of them ended starts again.
    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        let now = self.stage.now();
        self.stage.outside.heal(now);
        if self.plan.servers.len() > 1 {
            self.stage.after(LOOKS, Happening::Look);
        }
        for number in 0..self.nodes.len() {
            let id = NodeId(number);
            self.full_until[number] = 0;
            self.pauses[number] = AGAIN;
            self.nodes[number].machine().heal();
            if let Node::Client(client) = &mut self.nodes[number] {
                client.unblock_screen();
            }
            self.nodes[number].goes_on(&mut self.stage);
            if let Node::Client(client) = &mut self.nodes[number] {
                client.print_now(&mut self.stage);
            }
            self.settle(id);
            self.release(id);
            if self.wanted[number] && self.nodes[number].run().is_none() {
                let delay = self.stage.rng.range(0, S);
                self.stage.after(delay, Happening::Start(id, Startup::default()));
            }
        }
    }

    /// Of two servers that have the chat, each of which warns once, somebody stops one. If each has gone, the first starts.
    pub(super) fn look(&mut self) {
        let serves = |node: &Node| matches!(node, Node::Server(server) if server.serves());
        let serving: Vec<usize> = (0..self.nodes.len()).filter(|number| serves(&self.nodes[*number])).collect();
        serving.into_iter().skip(1).for_each(|number| self.quit(NodeId(number), None));
        let mut servers = (0..self.nodes.len()).filter(|number| matches!(self.nodes[*number], Node::Server(_)));
        if let Some(first) = servers.clone().next()
            && !servers.any(|number| self.wanted[number])
        {
            self.start(NodeId(first), Startup::default());
        }
        self.stage.after(LOOKS, Happening::Look);
    }
}

#[cfg(test)]
mod tests {
    use crate::simulation::plan::text::parse;
    use crate::simulation::run::run;

    #[test]
    fn the_end_is_not_judged_while_both_of_two_servers_are_stopped() {
        let plan = "\
seed 1
server main
server rival starts=no
client ann
client bob
at 20000 heal
at 92000 quit main
at 93000 say ann lobby
at 94000 end
";
        let outcome = run(&parse(plan).unwrap(), false).unwrap();
        let end = &outcome.ledger.end;
        assert_eq!((end.histories.len(), &end.unsettled[..]), (1, &[(0, 0), (1, 0)][..]));
    }
}

//! The steps of a check, and which of them a chat needs.

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Resolve,
    Tcp,
    Tls,
    LogIn,
    /// Only with a given identifier.
    ClientId,
    Subscriptions,
    /// Publish and receive at this quality of service.
    Qos(u8),
    Retained,
    Will,
    Session,
    RoundTrip,
    Server,
    Steady,
}

impl Step {
    pub fn name(self) -> &'static str {
        match self {
            Step::Resolve => "resolve",
            Step::Tcp => "TCP",
            Step::Tls => "TLS",
            Step::LogIn => "log-in",
            Step::ClientId => "client identifier",
            Step::Subscriptions => "subscriptions",
            Step::Qos(0) => "QoS 0",
            Step::Qos(1) => "QoS 1",
            Step::Qos(_) => "QoS 2",
            Step::Retained => "retained",
            Step::Will => "will",
            Step::Session => "persistent session",
            Step::RoundTrip => "round trip",
            Step::Server => "chat server",
            Step::Steady => "stays connected",
        }
    }

    /// Whether a chat needs it. A persistent session only keeps messages for an absent server, QoS 2 is a choice
    /// (`exactly_once`), a slow chat still works, and one without a server only lacks history and the user list.
    pub fn is_needed(self, exactly_once: bool) -> bool {
        match self {
            Step::Qos(2..) => exactly_once,
            Step::Session | Step::RoundTrip | Step::Server => false,
            _ => true,
        }
    }
}

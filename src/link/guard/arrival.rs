//! Drops a message that would end the process in the paho crate, or fill its memory, before the crate sees it.
//!
//! # The faults
//! The crate makes a C string of each message's topic and unwraps the result (`on_message_arrived` in async_client.rs of
//! paho-mqtt 0.14.0). If the topic holds U+0000 or is not UTF-8 it panics in a function that C called, and the process
//! aborts. MQTT forbids such topics, but the C library passes them on, and some brokers deliver those with U+0000 (RabbitMQ
//! 3.10.8, Aedes 1.2.0). A broker that keeps the session delivers the message again after each start.
//!
//! The crate copies each payload, and so does `link` for its owner. The C library has made two copies before; nothing of
//! ours runs earlier. A broker of MQTT 5 keeps large packets back, but one of 3.1.1 cannot be told to.
//!
//! # The cure
//! The crate registers its functions through `MQTTAsync_setMessageArrivedCallback` and
//! `MQTTAsync_setConnectionLostCallback`. Both are wrapped, and register ours in their place. Ours look at topic and
//! payload and pass on what is sound, with the context that the crate gave. A dropped message counts as delivered for the C
//! library: it is acknowledged, so the broker does not send it again.
//!
//! # Why both
//! Only one other function of the C library sets the callback for messages: `MQTTAsync_setCallbacks`. It sets those for
//! messages, for a lost connection and for completed deliveries at once, with one context. The crate registers the first
//! two in either order, with the same context, and never the third. So each registration sets both. The crate gives the
//! same functions for every client, and these look at which closures their client has; hence the process needs one pair
//! of functions and nothing per client. A client with only a closure for messages gets `None` when its connection is
//! lost, as it does from the crate's own streams.

use std::sync::atomic::{AtomicU64, Ordering};

/// Messages dropped since the process began, by reason.
static BAD_TOPICS: AtomicU64 = AtomicU64::new(0);
static TOO_LARGE: AtomicU64 = AtomicU64::new(0);

/// How many messages were dropped since the process began because their topic holds U+0000 or is not UTF-8, and because
/// their payload is larger than [`PACKET_BYTES`](crate::link::PACKET_BYTES). Always zero on other systems than Linux, where
/// nothing is dropped.
pub fn dropped_messages() -> (u64, u64) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    (read(&BAD_TOPICS), read(&TOO_LARGE))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::slice;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    // Makes the linker add the C library, whose functions are declared below.
    use paho_mqtt as _;

    use super::{BAD_TOPICS, TOO_LARGE, is_sound};
    use crate::link::PACKET_BYTES;

    /// The beginning of the C library's message (`MQTTAsync_message` of MQTTAsync.h). It is only accessed through a
    /// pointer.
    #[repr(C)]
    struct CMessage {
        _struct_id: [c_char; 4],
        _struct_version: c_int,
        payload_length: c_int,
    }

    type Arrived = unsafe extern "C" fn(*mut c_void, *mut c_char, c_int, *mut CMessage) -> c_int;
    type Lost = unsafe extern "C" fn(*mut c_void, *mut c_char);
    type Complete = unsafe extern "C" fn(*mut c_void, c_int);

    const MQTTASYNC_FAILURE: c_int = -1;
    /// Tells the C library that the message is handled.
    const DELIVERED: c_int = 1;
    /// How many bytes of a dropped message's topic are logged.
    const SHOWN_BYTES: usize = 100;

    unsafe extern "C" {
        fn MQTTAsync_setCallbacks(
            handle: *mut c_void,
            context: *mut c_void,
            lost: Option<Lost>,
            arrived: Option<Arrived>,
            complete: Option<Complete>,
        ) -> c_int;
        fn MQTTAsync_freeMessage(message: *mut *mut CMessage);
        fn MQTTAsync_free(memory: *mut c_void);
    }

    /// The crate's functions, known once it has registered them.
    static CRATE_ARRIVED: OnceLock<Arrived> = OnceLock::new();
    static CRATE_LOST: OnceLock<Lost> = OnceLock::new();

    /// Replaces `MQTTAsync_setMessageArrivedCallback`.
    ///
    /// # Safety
    ///
    /// As for the replaced function: `handle` is a live client, and `context` is what `callback` takes.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_MQTTAsync_setMessageArrivedCallback(
        handle: *mut c_void,
        context: *mut c_void,
        callback: Option<Arrived>,
    ) -> c_int {
        // The crate removes a callback this way. The library refuses that, and the crate copes.
        let Some(callback) = callback else { return MQTTASYNC_FAILURE };
        CRATE_ARRIVED.get_or_init(|| callback);
        // SAFETY: the caller's promise; both functions take the crate's context.
        unsafe { MQTTAsync_setCallbacks(handle, context, Some(lost), Some(arrived), None) }
    }

    /// Replaces `MQTTAsync_setConnectionLostCallback`.
    ///
    /// # Safety
    ///
    /// As for [`__wrap_MQTTAsync_setMessageArrivedCallback`].
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_MQTTAsync_setConnectionLostCallback(
        handle: *mut c_void,
        context: *mut c_void,
        callback: Option<Lost>,
    ) -> c_int {
        // The crate never removes this one.
        let Some(callback) = callback else { return MQTTASYNC_FAILURE };
        CRATE_LOST.get_or_init(|| callback);
        // SAFETY: the caller's promise; both functions take the crate's context.
        unsafe { MQTTAsync_setCallbacks(handle, context, Some(lost), Some(arrived), None) }
    }

    unsafe extern "C" fn lost(context: *mut c_void, cause: *mut c_char) {
        if let Some(pass_on) = CRATE_LOST.get() {
            // SAFETY: the arguments are the library's, the context is the crate's.
            unsafe { pass_on(context, cause) };
        }
    }

    /// `length` is 0 for a topic that ends with its first zero byte, and else the topic's length.
    unsafe extern "C" fn arrived(
        context: *mut c_void,
        topic: *mut c_char,
        length: c_int,
        mut message: *mut CMessage,
    ) -> c_int {
        // SAFETY: the library lends a topic of this length and a message, and gives up both once it is told that the
        // message is delivered. The crate's function frees both; this one frees what it drops.
        unsafe {
            let bytes = match usize::try_from(length) {
                Ok(0) | Err(_) => CStr::from_ptr(topic).to_bytes(),
                Ok(length) => slice::from_raw_parts(topic.cast_const().cast(), length),
            };
            let payload = u32::try_from((*message).payload_length).unwrap_or(0);
            match CRATE_ARRIVED.get() {
                _ if !is_sound(bytes) => count(&BAD_TOPICS, bytes, "its topic holds U+0000 or is not UTF-8"),
                _ if payload > PACKET_BYTES => count(&TOO_LARGE, bytes, "it is too large"),
                Some(pass_on) => return pass_on(context, topic, length, message),
                // No callback is set.
                None => {}
            }
            MQTTAsync_freeMessage(&mut message);
            MQTTAsync_free(topic.cast());
        }
        DELIVERED
    }

    /// Logs only the first message of each reason, because there may be many.
    fn count(dropped: &AtomicU64, topic: &[u8], reason: &str) {
        if dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            let shown = topic[..topic.len().min(SHOWN_BYTES)].escape_ascii();
            log::warn!("dropped a message on {shown}: {reason}; more of these are dropped without a word");
        }
    }
}

/// Whether the crate can take this topic.
#[cfg(target_os = "linux")]
fn is_sound(topic: &[u8]) -> bool {
    !topic.contains(&0) && std::str::from_utf8(topic).is_ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::is_sound;

    #[test]
    fn only_what_fits_a_c_string_and_a_str_is_sound() {
        for sound in ["", "chat/messages", "chat/private/ζοë/\u{10ffff}", "chat/\u{1}", "\u{feff}"] {
            assert!(is_sound(sound.as_bytes()), "{sound:?}");
        }
        for unsound in
            [&b"\0"[..], b"chat/messages/a\0b", b"chat/\xff", b"chat/\xc0\x80", b"chat/\xed\xa0\x80", b"\xe2\x82"]
        {
            assert!(!is_sound(unsound), "{}", unsound.escape_ascii());
        }
    }
}

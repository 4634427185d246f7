//! Makes a write to a dead connection look done, because Paho corrupts memory when it fails. Nothing here knows MQTT;
//! `link` reads the counts.
//!
//! # The fault
//! If the write of a publish of QoS 1 or 2 to the socket fails, the publish is freed twice: Paho's `MQTTProtocol_startPublish` has handed
//! topic and payload to the list of outbound messages, and `MQTTAsync_processCommand`, told of the failure, frees them
//! again (eclipse-paho/paho.mqtt.c, issues 1621 and 1622; in every release from 1.3.1 to 1.3.16). If a broker restarts while
//! messages are in flight, the process aborts or continues with a corrupt heap.
//!
//! # The cure
//! Paho writes through `writev` and `SSL_write` alone. Both are wrapped. If the connection is dead the wrappers shut it
//! down and report all bytes as written. TCP may report the same anyway: a kernel accepts bytes before it learns that the
//! peer is gone. Paho's reading side sees the end of the connection,
//! reports it lost and closes it; the message stays in Paho's outbound list, and a publisher that needs certainty waits
//! for the acknowledgement as usual. The wrappers do the work through the system call and `SSL_write_ex`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Writes that failed and were answered as done, since the process began.
static MASKED_TCP: AtomicU64 = AtomicU64::new(0);
static MASKED_TLS: AtomicU64 = AtomicU64::new(0);

/// Protocol version and cipher of the TLS connection written to last.
static TLS: Mutex<Option<(String, String)>> = Mutex::new(None);

/// How many failed writes were answered as done since the process began: over TCP, over TLS.
/// Always zero on other systems than Linux, where nothing is masked.
pub fn masked_writes() -> (u64, u64) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    (read(&MASKED_TCP), read(&MASKED_TLS))
}

/// Protocol version and cipher, as OpenSSL names them (`TLSv1.3`, `TLS_AES_256_GCM_SHA384`), of the TLS
/// connection that was written to last; it may be closed by now. `None` before the first, and always on
/// other systems than Linux: Paho has no call for it, so the handle is looked at as it passes.
pub fn tls_in_use() -> Option<(String, String)> {
    // A panic elsewhere cannot leave the pair half written.
    TLS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::io;
    use std::ptr;
    use std::slice;
    use std::sync::PoisonError;
    use std::sync::atomic::{AtomicPtr, Ordering};

    use libc::{iovec, ssize_t};
    // Makes the linker add libssl, whose functions are declared below.
    use openssl as _;

    use super::{MASKED_TCP, MASKED_TLS, TLS};

    /// OpenSSL's connection; only ever passed back to OpenSSL.
    enum Ssl {}

    /// OpenSSL's cipher; the same.
    enum Cipher {}

    const SSL_ERROR_WANT_READ: c_int = 2;
    const SSL_ERROR_WANT_WRITE: c_int = 3;

    unsafe extern "C" {
        fn SSL_write_ex(ssl: *mut Ssl, bytes: *const c_void, length: usize, written: *mut usize) -> c_int;
        fn SSL_get_error(ssl: *const Ssl, result: c_int) -> c_int;
        fn SSL_get_fd(ssl: *const Ssl) -> c_int;
        fn SSL_get_version(ssl: *const Ssl) -> *const c_char;
        fn SSL_get_current_cipher(ssl: *const Ssl) -> *const Cipher;
        fn SSL_CIPHER_get_name(cipher: *const Cipher) -> *const c_char;
        fn ERR_clear_error();
    }

    /// In place of `writev`. std's vectored writes pass here too: those to a TCP connection of our own
    /// are masked like Paho's, those to a file, a pipe or a terminal never.
    ///
    /// # Safety
    /// As for `writev`: `parts` points to `count` valid buffers.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
        // SAFETY: the arguments are the caller's, as writev wants them.
        let result = unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) };
        if result >= 0 {
            return result as ssize_t;
        }
        let error = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        // Not failed, only not yet done; Paho knows how to go on. EWOULDBLOCK is EAGAIN on Linux.
        let transient = matches!(error, libc::EAGAIN | libc::EINTR);
        if transient || !is_tcp(fd) {
            // is_tcp may have left an error of its own.
            // SAFETY: errno is this thread's.
            unsafe { *libc::__errno_location() = error };
            return -1;
        }
        shut_down(fd);
        MASKED_TCP.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise; the kernel has read them all to know their lengths.
        let parts = unsafe { slice::from_raw_parts(parts, usize::try_from(count).unwrap_or(0)) };
        parts.iter().map(|part| part.iov_len).sum::<usize>() as ssize_t
    }

    /// In place of `SSL_write`.
    ///
    /// # Safety
    /// As for `SSL_write`: `ssl` is a live connection, `bytes` points to `length` bytes.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_SSL_write(ssl: *mut Ssl, bytes: *const c_void, length: c_int) -> c_int {
        let Ok(size) = usize::try_from(length) else { return -1 };
        let mut written = 0;
        // SAFETY: the arguments are the caller's, as SSL_write wants them.
        let result = unsafe { SSL_write_ex(ssl, bytes, size, &mut written) };
        // SAFETY: the connection is live until the caller, who lent it, has our answer.
        unsafe {
            if result > 0 {
                note_tls(ssl);
                // At most `length`, which is a c_int.
                return written as c_int;
            }
            let error = SSL_get_error(ssl, result);
            if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE {
                return -1;
            }
            // OpenSSL gives up a connection after such an error, but the socket below may be alive:
            // without this the reading side would wait for its end until the keep alive runs out.
            shut_down(SSL_get_fd(ssl));
            // What the caller does not learn of must not be blamed on this thread's next call.
            ERR_clear_error();
        }
        MASKED_TLS.fetch_add(1, Ordering::Relaxed);
        length
    }

    fn is_tcp(fd: c_int) -> bool {
        let domain = socket_option(fd, libc::SO_DOMAIN);
        matches!(domain, Some(libc::AF_INET | libc::AF_INET6))
            && socket_option(fd, libc::SO_TYPE) == Some(libc::SOCK_STREAM)
    }

    /// `None`: not a socket.
    fn socket_option(fd: c_int, name: c_int) -> Option<c_int> {
        let mut value: c_int = 0;
        let mut size = size_of::<c_int>() as libc::socklen_t;
        let into = ptr::from_mut(&mut value).cast();
        // SAFETY: `into` points to `size` writable bytes.
        let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, into, &mut size) };
        (result == 0).then_some(value)
    }

    /// Has the reading side see the end of the connection; Paho closes it then.
    fn shut_down(fd: c_int) {
        // SAFETY: shutdown takes plain numbers. If it fails, the connection is down already.
        unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
    }

    /// Keeps version and cipher for [`super::tls_in_use`]. On nearly every call it only asks OpenSSL
    /// for two addresses and compares them. The handle's own address would not do: a new connection
    /// often gets that of a freed one.
    ///
    /// # Safety
    /// `ssl` is a live connection.
    unsafe fn note_tls(ssl: *const Ssl) {
        // OpenSSL's names are constants, so equal addresses are equal names. The addresses are only
        // compared; what is shown is a copy, made while the handle is live.
        static VERSION: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
        static CIPHER: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
        // SAFETY: `ssl` is live. Both names are C strings that live longer than this call; a
        // connection without a cipher yet is named "(NONE)".
        unsafe {
            let version = SSL_get_version(ssl);
            let cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl));
            let same_version = VERSION.swap(version.cast_mut(), Ordering::Relaxed) == version.cast_mut();
            let same_cipher = CIPHER.swap(cipher.cast_mut(), Ordering::Relaxed) == cipher.cast_mut();
            if same_version && same_cipher {
                return;
            }
            let copy = |name| CStr::from_ptr(name).to_string_lossy().into_owned();
            let names = (copy(version), copy(cipher));
            *TLS.lock().unwrap_or_else(PoisonError::into_inner) = Some(names);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{self, ErrorKind, IoSlice, Read, Write};
    use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::masked_writes;

    /// std's vectored write is a caller of `writev` like any other.
    fn write_two(to: &mut impl Write) -> io::Result<usize> {
        to.write_vectored(&[IoSlice::new(b"four"), IoSlice::new(b"and six")])
    }

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn a_failed_tcp_write_looks_done_and_ends_the_connection() {
        let (mut near, mut far) = connection();
        assert_eq!(write_two(&mut near).unwrap(), 11);
        near.shutdown(Shutdown::Write).unwrap();
        let (before, _) = masked_writes();
        assert_eq!(write_two(&mut near).unwrap(), 11);
        assert!(masked_writes().0 > before);
        // The far side is still there: only the shutdown can end the read.
        assert_eq!(near.read(&mut [0]).unwrap(), 0);
        let mut arrived = Vec::new();
        far.read_to_end(&mut arrived).unwrap();
        assert_eq!(arrived, b"fourand six");
    }

    #[test]
    fn a_full_tcp_connection_still_says_so() {
        let (mut near, _far) = connection();
        near.set_nonblocking(true).unwrap();
        let error = loop {
            if let Err(error) = write_two(&mut near) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn other_broken_writes_still_fail() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let error = write_two(&mut writer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);

        let (mut near, far) = UnixStream::pair().unwrap();
        drop(far);
        let error = write_two(&mut near).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

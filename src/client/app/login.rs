//! The login name of this machine: from the environment or, in containers and cron jobs, from the user database.

use std::ffi::CStr;

/// The login name; `None` if it is unknown.
pub fn name() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|name| !name.is_empty());
    variable("USER").or_else(|| variable("LOGNAME")).or_else(of_user)
}

fn of_user() -> Option<String> {
    // Names and paths; longer ones are not worth a second try.
    let mut strings = [0; 16 * 1024];
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: getpwuid_r writes the entry, the strings it points to (within the given length), and `found`, which is
    // the entry or null. The entry is read only if it was found, and its name, a C string, only while the strings live.
    unsafe {
        let (buffer, length) = (strings.as_mut_ptr(), strings.len());
        let failed = libc::getpwuid_r(libc::getuid(), entry.as_mut_ptr(), buffer, length, &raw mut found) != 0;
        (!failed && !found.is_null())
            .then(|| CStr::from_ptr(entry.assume_init().pw_name).to_str().ok().map(str::to_owned))?
    }
}

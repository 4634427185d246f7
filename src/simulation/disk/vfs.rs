//! SQLite's interface to the files of one machine, a VFS (sqlite.org/vfs.html). It decides nothing. All unsafe code of the
//! simulation is here and in `vfs/file.rs`.
//!
//! Each process has a VFS of its own, so that the caller is known even if a call has only a name of a file: a connection
//! that outlives its process cannot delete anything either.

mod file;

pub use file::lock;

use super::files::{CallError, Files, How, Pid};
use file::{Caller, File, code};
use rusqlite::{Connection, OpenFlags, ffi};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes that a path may have.
const PATH: usize = 512;
/// 1970 in milliseconds of the Julian day.
const UNIX_EPOCH: i64 = 210_866_760_000_000;

/// A registered VFS, which its connections keep alive.
pub struct Vfs {
    name: CString,
    caller: NonNull<Caller>,
    vfs: NonNull<ffi::sqlite3_vfs>,
}

// SAFETY: what the pointers lead to is made and freed here; it is shared only for reading, but for `pNext`, which is SQLite's
// and behind its mutex, and for the files, which are behind theirs.
unsafe impl Send for Vfs {}
// SAFETY: the same.
unsafe impl Sync for Vfs {}

impl Vfs {
    /// For a new process.
    pub fn register(files: &Arc<Mutex<Files>>) -> Arc<Vfs> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let name = format!("simulated{}", LAST.fetch_add(1, Ordering::Relaxed));
        let name = CString::new(name).expect("no zero in it");
        let pid = lock(files).start();
        let caller = NonNull::from(Box::leak(Box::new(Caller { files: Arc::clone(files), pid })));
        let vfs = ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<File>() as c_int,
            mxPathname: PATH as c_int,
            pNext: ptr::null_mut(),
            zName: name.as_ptr(),
            pAppData: caller.as_ptr().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            // Called only by load_extension, which is not allowed.
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: None,
            xGetLastError: None,
            xCurrentTimeInt64: Some(current_time),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        let vfs = NonNull::from(Box::leak(Box::new(vfs)));
        // SAFETY: `vfs` and `name` stay where they are until `drop` takes the VFS off SQLite's list.
        let result = unsafe { ffi::sqlite3_vfs_register(vfs.as_ptr(), 0) };
        assert_eq!(result, ffi::SQLITE_OK, "a VFS is registered");
        Arc::new(Vfs { name, caller, vfs })
    }

    pub fn pid(&self) -> Pid {
        // SAFETY: `caller` is freed by `drop` only.
        unsafe { self.caller.as_ref() }.pid
    }

    pub fn connect(self: &Arc<Vfs>, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let sql = Connection::open_with_flags_and_vfs(path, flags, self.name.as_c_str())?;
        let own = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: the connection is open. It calls `let_go` once: when it is closed and has closed its files, or at once if
        // this fails. Until then `own` counts.
        let result = unsafe {
            let name = c"keeps_its_disk".as_ptr();
            ffi::sqlite3_create_function_v2(
                sql.handle(),
                name,
                0,
                ffi::SQLITE_UTF8,
                own,
                Some(nothing),
                None,
                None,
                Some(let_go),
            )
        };
        match result {
            ffi::SQLITE_OK => Ok(sql),
            code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
        }
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        // SAFETY: no connection is left, so nothing of SQLite's has the pointers once the VFS is off its list. They come
        // from boxes, and are freed here only.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.vfs.as_ptr());
            drop(Box::from_raw(self.vfs.as_ptr()));
            drop(Box::from_raw(self.caller.as_ptr()));
        }
    }
}

/// An SQL function that returns NULL. It exists for its destructor, which runs after the connection has closed its files.
extern "C" fn nothing(_: *mut ffi::sqlite3_context, _: c_int, _: *mut *mut ffi::sqlite3_value) {}

unsafe extern "C" fn let_go(own: *mut c_void) {
    // SAFETY: from `Arc::into_raw` in `connect`.
    drop(unsafe { Arc::from_raw(own.cast_const().cast::<Vfs>()) });
}

// ---- the VFS ----
// SQLite calls all functions from here on: the pointers are valid as its documentation says (sqlite.org/c3ref/vfs.html), and
// results are written to where it says.

/// # Safety
/// `vfs` is one that `register` made and that is not dropped.
unsafe fn caller<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Caller {
    // SAFETY: `register` put it there; `drop` frees it.
    unsafe { &*(*vfs).pAppData.cast::<Caller>() }
}

/// # Safety
/// `name` is null or a string that ends with a zero.
unsafe fn text(name: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    result_flags: *mut c_int,
) -> c_int {
    // SAFETY: see above.
    let (caller, name) = unsafe { (caller(vfs), text(name)) };
    let has = |flag| flags & flag != 0;
    let how = How {
        creates: has(ffi::SQLITE_OPEN_CREATE),
        is_new: has(ffi::SQLITE_OPEN_EXCLUSIVE),
        only_reads: has(ffi::SQLITE_OPEN_READONLY),
    };
    let opened = lock(&caller.files).open(caller.pid, name.as_deref(), how);
    let file = file.cast::<File>();
    let opens = File::new(caller, opened.ok().map(|(handle, _)| handle));
    let only_reads = opened.is_ok_and(|(_, only_reads)| only_reads);
    // SAFETY: `file` has room for `szOsFile` bytes; `result_flags` may be null.
    unsafe {
        file.write(opens);
        if let Some(result_flags) = result_flags.as_mut() {
            let writes = flags & !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE);
            *result_flags = if only_reads { writes | ffi::SQLITE_OPEN_READONLY } else { flags };
        }
    }
    code(opened, ffi::SQLITE_CANTOPEN)
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, is_synced: c_int) -> c_int {
    // SAFETY: see above.
    let (caller, name) = unsafe { (caller(vfs), text(name)) };
    match lock(&caller.files).delete(caller.pid, &name.unwrap_or_default(), is_synced != 0) {
        Err(CallError::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        result => code(result, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    exists: *mut c_int,
) -> c_int {
    // SAFETY: see above.
    let (caller, name) = unsafe { (caller(vfs), text(name)) };
    let result = lock(&caller.files).exists(caller.pid, &name.unwrap_or_default());
    // SAFETY: see above.
    unsafe { exists.write(c_int::from(result == Ok(true))) };
    code(result, ffi::SQLITE_IOERR_ACCESS)
}

/// There is one folder: every path is complete.
unsafe extern "C" fn full_path(_: *mut ffi::sqlite3_vfs, name: *const c_char, room: c_int, full: *mut c_char) -> c_int {
    // SAFETY: see above.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > room as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `full` has room for `room` bytes, and is none of `name`'s.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr().cast(), full, name.len()) };
    ffi::SQLITE_OK
}

/// Zeros; SQLite asks only the default VFS, once in the life of the whole process. So the salts in a WAL file and in a journal
/// differ between runs with the same seed. Nothing else depends on them.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, bytes: *mut c_char) -> c_int {
    // SAFETY: see above.
    unsafe { bytes.write_bytes(0, count as usize) };
    count
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    // SAFETY: see above.
    let caller = unsafe { caller(vfs) };
    lock(&caller.files).cost.slept += micros.unsigned_abs() as u64;
    micros
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, now: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: see above.
    unsafe { now.write(lock(&caller(vfs).files).wall + UNIX_EPOCH) };
    ffi::SQLITE_OK
}

//! SQLite's interface to an open file. SQLite calls all functions in the table: the pointers are valid as its documentation
//! says (sqlite.org/c3ref/io_methods.html), and results are written to where it says.

use super::super::files::{CallError, Files, Handle, Pid};
use super::super::locks::{Lock, Region};
use rusqlite::ffi;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sector size that SQLite's own VFS for Unix states.
const SECTOR: c_int = 4_096;

/// Who makes a call.
pub struct Caller {
    pub files: Arc<Mutex<Files>>,
    pub pid: Pid,
}

/// SQLite's part of an open file. It has no destructor: SQLite frees the memory after `close`.
#[repr(C)]
pub struct File {
    base: ffi::sqlite3_file,
    caller: NonNull<Caller>,
    handle: Handle,
}

impl File {
    /// SQLite takes a file without a handle for one that could not be opened.
    pub fn new(caller: &Caller, handle: Option<Handle>) -> File {
        let methods = if handle.is_some() { &raw const METHODS } else { ptr::null() };
        let base = ffi::sqlite3_file { pMethods: methods };
        File { base, caller: NonNull::from(caller), handle: handle.unwrap_or_default() }
    }
}

pub fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQLite's code for a result; `io`: for a failure of the disk or the process.
pub fn code<T>(result: Result<T, CallError>, io: c_int) -> c_int {
    match result {
        Ok(_) => ffi::SQLITE_OK,
        Err(CallError::Dead | CallError::Broken) => io,
        Err(CallError::Full) => ffi::SQLITE_FULL,
        Err(CallError::Busy) => ffi::SQLITE_BUSY,
        Err(CallError::Missing | CallError::There) => ffi::SQLITE_CANTOPEN,
    }
}

fn level(lock: c_int) -> Lock {
    match lock {
        ffi::SQLITE_LOCK_NONE => Lock::None,
        ffi::SQLITE_LOCK_SHARED => Lock::Shared,
        ffi::SQLITE_LOCK_RESERVED => Lock::Reserved,
        ffi::SQLITE_LOCK_PENDING => Lock::Pending,
        _ => Lock::Exclusive,
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(take_lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `file` is one that `open` opened and that is not closed.
unsafe fn on<T>(file: *mut ffi::sqlite3_file, work: impl FnOnce(&mut Files, Handle) -> T) -> T {
    // SAFETY: `open` wrote it, and SQLite only moves the pointer; the VFS outlives its connections and their files.
    let (caller, handle) = unsafe {
        let file = file.cast::<File>();
        ((*file).caller.as_ref(), (*file).handle)
    };
    work(&mut lock(&caller.files), handle)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: see above.
    unsafe { on(file, Files::close) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, count: c_int, offset: i64) -> c_int {
    // SAFETY: `into` has room for `count` bytes, which need not be initialised: a byte is any value, and all are written.
    let result = unsafe {
        into.cast::<u8>().write_bytes(0, count as usize);
        let into = slice::from_raw_parts_mut(into.cast::<u8>(), count as usize);
        on(file, |files, handle| files.read(handle, offset as usize, into))
    };
    match result {
        Ok(false) => ffi::SQLITE_IOERR_SHORT_READ,
        result => code(result, ffi::SQLITE_IOERR_READ),
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, count: c_int, offset: i64) -> c_int {
    // SAFETY: there are `count` bytes at `from`.
    let result = unsafe {
        let bytes = slice::from_raw_parts(from.cast::<u8>(), count as usize);
        on(file, |files, handle| files.write(handle, offset as usize, bytes))
    };
    code(result, ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: see above.
    let result = unsafe { on(file, |files, handle| files.truncate(handle, size as usize)) };
    code(result, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: see above.
    code(unsafe { on(file, Files::sync) }, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: see above.
    let result = unsafe {
        let result = on(file, Files::size);
        size.write(result.unwrap_or(0) as i64);
        result
    };
    code(result, ffi::SQLITE_IOERR_FSTAT)
}

unsafe extern "C" fn take_lock(file: *mut ffi::sqlite3_file, lock: c_int) -> c_int {
    // SAFETY: see above.
    let result = unsafe { on(file, |files, handle| files.lock(handle, level(lock))) };
    code(result, ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, lock: c_int) -> c_int {
    // SAFETY: see above.
    let result = unsafe { on(file, |files, handle| files.unlock(handle, level(lock))) };
    code(result, ffi::SQLITE_IOERR_UNLOCK)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, is_reserved: *mut c_int) -> c_int {
    // SAFETY: see above.
    let result = unsafe {
        let result = on(file, Files::is_reserved);
        is_reserved.write(c_int::from(result == Ok(true)));
        result
    };
    code(result, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK)
}

/// SQLite does without an answer to any of these.
extern "C" fn control(_: *mut ffi::sqlite3_file, _operation: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    SECTOR
}

/// The promises of SQLite's own VFS for Unix, so that databases take the same steps as on a real disk: a write changes no
/// bytes around it, and a part of a page can be read. No write is atomic.
extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_SUBPAGE_READ
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    at: c_int,
    bytes: c_int,
    makes: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    // SAFETY: see above. The handle owns a part of the region, which stays where it is until `shm_unmap` or `close`.
    let result = unsafe {
        let result = on(file, |files, handle| files.map(handle, at as usize, bytes as usize, makes != 0));
        let pointer = |region: &Region| region.as_ptr().cast_mut().cast();
        memory.write(result.as_ref().ok().and_then(Option::as_ref).map_or(ptr::null_mut(), pointer));
        result
    };
    match result {
        Err(CallError::Full) => ffi::SQLITE_IOERR_SHMSIZE,
        result => code(result, ffi::SQLITE_IOERR_SHMMAP),
    }
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    let bits = (first..first + count).fold(0, |bits, bit| bits | 1_u8 << bit);
    let is_exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    // SAFETY: see above.
    let result = unsafe {
        on(file, |files, handle| match flags & ffi::SQLITE_SHM_LOCK {
            0 => files.release(handle, bits),
            _ => files.take(handle, bits, is_exclusive),
        })
    };
    code(result, ffi::SQLITE_IOERR_SHMLOCK)
}

extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _deletes: c_int) -> c_int {
    // SAFETY: see above.
    code(unsafe { on(file, Files::unmap) }, ffi::SQLITE_IOERR_SHMMAP)
}

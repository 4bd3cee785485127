//! Files: what is in them, their names, and the folders that these are in.

use super::{c, quiet, table};
use raddle::Class;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

#[test]
fn file_data() {
    table(&[
        ("read", Class::File, |t| _ = t.file.read(&mut [0; 4]).unwrap()),
        ("write", Class::File, |t| t.file.write_all(b"more").unwrap()),
        ("pread", Class::File, |t| _ = t.file.read_at(&mut [0; 4], 0).unwrap()),
        ("pwrite", Class::File, |t| _ = t.file.write_at(b"x", 0).unwrap()),
        ("readv", Class::File, |t| _ = t.file.read_vectored(&mut [IoSliceMut::new(&mut [0; 2])]).unwrap()),
        ("writev", Class::File, |t| _ = t.file.write_vectored(&[IoSlice::new(b"x")]).unwrap()),
        ("fsync", Class::File, |t| t.file.sync_all().unwrap()),
        ("fdatasync", Class::File, |t| t.file.sync_data().unwrap()),
        ("ftruncate", Class::File, |t| t.file.set_len(2).unwrap()),
        ("flock", Class::File, |t| t.file.lock().unwrap()),
        ("fcntl lock", Class::File, |t| {
            // SAFETY: zeros are a lock of the whole file.
            let mut lock: libc::flock = unsafe { std::mem::zeroed() };
            lock.l_type = libc::F_WRLCK as i16;
            assert_eq!(c!(libc::fcntl(t.file.as_raw_fd(), libc::F_SETLKW, &lock)), 0);
        }),
        ("copy", Class::File, |t| _ = std::fs::copy(t.path("there"), t.path("copy")).unwrap()),
        ("copy_file_range", Class::File, |t| {
            let (from, to) = (t.file.as_raw_fd(), t.other.as_raw_fd());
            let none = std::ptr::null_mut();
            assert_eq!(c!(libc::copy_file_range(from, none, to, none, 4, 0)), 4);
        }),
        ("sendfile", Class::File, |t| {
            let none = std::ptr::null_mut();
            assert_eq!(c!(libc::sendfile(t.other.as_raw_fd(), t.file.as_raw_fd(), none, 4)), 4);
        }),
        ("splice", Class::File, |t| {
            let none = std::ptr::null_mut();
            assert_eq!(c!(libc::splice(t.file.as_raw_fd(), none, t.pipe.1.as_raw_fd(), none, 4, 0)), 4);
        }),
        ("sync_file_range", Class::File, |t| {
            let fd = t.file.as_raw_fd();
            assert_eq!(c!(libc::sync_file_range(fd, 0, 0, libc::SYNC_FILE_RANGE_WRITE)), 0);
        }),
        ("fchmod", Class::File, |t| assert_eq!(c!(libc::fchmod(t.file.as_raw_fd(), 0o600)), 0)),
        ("fchown", Class::File, |t| assert_eq!(c!(libc::fchown(t.file.as_raw_fd(), u32::MAX, u32::MAX)), 0)),
        ("set_modified", Class::File, |t| t.file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap()),
        ("attributes", Class::File, |t| {
            c!(libc::fgetxattr(t.file.as_raw_fd(), c"user.none".as_ptr(), std::ptr::null_mut(), 0));
        }),
        ("syncfs", Class::File, |t| assert_eq!(c!(libc::syncfs(t.file.as_raw_fd())), 0)),
        ("readahead", Class::File, |t| assert_eq!(c!(libc::readahead(t.file.as_raw_fd(), 0, 4)), 0)),
        ("clone", Class::File, |t| {
            // Refused by most file systems.
            c!(libc::ioctl(t.other.as_raw_fd(), libc::FICLONE, t.file.as_raw_fd()));
        }),
        ("msync", Class::File, |t| {
            let (access, shared, fd) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, t.file.as_raw_fd());
            let memory = c!(libc::mmap(std::ptr::null_mut(), 4, access, shared, fd, 0));
            assert_eq!(c!(libc::msync(memory, 4, libc::MS_SYNC)), 0);
            assert_eq!(c!(libc::munmap(memory, 4)), 0);
        }),
        ("fallocate", Class::File, |t| assert_eq!(c!(libc::fallocate(t.file.as_raw_fd(), 0, 0, 8)), 0)),
        ("open", Class::File, |t| drop(File::open(t.path("there")).unwrap())),
        ("C's read", Class::File, |t| {
            assert_eq!(c!(libc::read(t.file.as_raw_fd(), [0u8; 4].as_mut_ptr().cast(), 4)), 4);
        }),
        ("C's write", Class::File, |t| {
            assert_eq!(c!(libc::write(t.file.as_raw_fd(), b"more".as_ptr().cast(), 4)), 4);
        }),
        ("C's pread", Class::File, |t| {
            assert_eq!(c!(libc::pread(t.file.as_raw_fd(), [0u8; 4].as_mut_ptr().cast(), 4, 0)), 4);
        }),
        ("C's pwrite", Class::File, |t| {
            assert_eq!(c!(libc::pwrite(t.file.as_raw_fd(), b"more".as_ptr().cast(), 4, 0)), 4);
        }),
        ("C's readv and writev", Class::File, |t| {
            let mut bytes = [0u8; 4];
            let piece = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 4 };
            assert_eq!(c!(libc::readv(t.file.as_raw_fd(), &piece, 1)), 4);
            assert_eq!(c!(libc::writev(t.file.as_raw_fd(), &piece, 1)), 4);
        }),
        ("C's preadv and pwritev", Class::File, |t| {
            let mut bytes = [0u8; 4];
            let piece = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 4 };
            assert_eq!(c!(libc::preadv(t.file.as_raw_fd(), &piece, 1, 0)), 4);
            assert_eq!(c!(libc::pwritev(t.file.as_raw_fd(), &piece, 1, 0)), 4);
        }),
        ("C's fsync", Class::File, |t| assert_eq!(c!(libc::fsync(t.file.as_raw_fd())), 0)),
        ("C's fdatasync", Class::File, |t| assert_eq!(c!(libc::fdatasync(t.file.as_raw_fd())), 0)),
        ("C's ftruncate", Class::File, |t| assert_eq!(c!(libc::ftruncate(t.file.as_raw_fd(), 2)), 0)),
        ("C's flock", Class::File, |t| assert_eq!(c!(libc::flock(t.file.as_raw_fd(), libc::LOCK_EX)), 0)),
        ("C's buffered output", Class::File, |t| {
            let file = c!(libc::fopen(t.c_path("new").as_ptr(), c"w".as_ptr()));
            c!(libc::fputs(c"text".as_ptr(), file));
            assert_eq!(c!(libc::fclose(file)), 0);
        }),
        ("C's open", Class::File, |t| _ = c!(libc::close(libc::open(t.c_path("there").as_ptr(), libc::O_RDONLY)))),
        ("rustix' read", Class::File, |t| _ = rustix::io::read(&t.file, &mut [0; 4]).unwrap()),
        ("rustix' write", Class::File, |t| _ = rustix::io::write(&t.file, b"more").unwrap()),
        ("rustix' pread", Class::File, |t| _ = rustix::io::pread(&t.file, &mut [0; 4], 0).unwrap()),
        ("rustix' pwrite", Class::File, |t| _ = rustix::io::pwrite(&t.file, b"more", 0).unwrap()),
        ("rustix' readv", Class::File, |t| {
            _ = rustix::io::readv(&t.file, &mut [IoSliceMut::new(&mut [0; 2])]).unwrap();
        }),
        ("rustix' writev", Class::File, |t| _ = rustix::io::writev(&t.file, &[IoSlice::new(b"x")]).unwrap()),
        ("rustix' preadv", Class::File, |t| {
            _ = rustix::io::preadv(&t.file, &mut [IoSliceMut::new(&mut [0; 2])], 0).unwrap();
        }),
        ("rustix' pwritev", Class::File, |t| _ = rustix::io::pwritev(&t.file, &[IoSlice::new(b"x")], 0).unwrap()),
        ("rustix' fsync", Class::File, |t| rustix::fs::fsync(&t.file).unwrap()),
        ("rustix' fdatasync", Class::File, |t| rustix::fs::fdatasync(&t.file).unwrap()),
        ("rustix' ftruncate", Class::File, |t| rustix::fs::ftruncate(&t.file, 2).unwrap()),
        ("rustix' flock", Class::File, |t| {
            rustix::fs::flock(&t.file, rustix::fs::FlockOperation::LockExclusive).unwrap();
        }),
        ("rustix' fcntl lock", Class::File, |t| {
            rustix::fs::fcntl_lock(&t.file, rustix::fs::FlockOperation::LockExclusive).unwrap();
        }),
        ("rustix' copy_file_range", Class::File, |t| {
            assert_eq!(rustix::fs::copy_file_range(&t.file, None, &t.other, None, 4), Ok(4));
        }),
        ("rustix' sendfile", Class::File, |t| {
            assert_eq!(rustix::fs::sendfile(&t.other, &t.file, None, 4), Ok(4));
        }),
        ("rustix' splice", Class::File, |t| {
            let flags = rustix::pipe::SpliceFlags::empty();
            assert_eq!(rustix::pipe::splice(&t.file, None, &t.pipe.1, None, 4, flags), Ok(4));
        }),
        ("rustix' fallocate", Class::File, |t| {
            rustix::fs::fallocate(&t.file, rustix::fs::FallocateFlags::empty(), 0, 8).unwrap();
        }),
        ("rustix' open", Class::File, |t| {
            let (flags, mode) = (rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
            drop(rustix::fs::open(t.path("there"), flags, mode).unwrap());
        }),
    ]);
    quiet(&[
        ("seek", |t| _ = t.file.rewind()),
        ("try_lock", |t| t.file.try_lock().unwrap()),
        ("rustix' try_lock", |t| {
            rustix::fs::flock(&t.file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
            rustix::fs::fcntl_lock(&t.file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
        }),
        ("unlock", |t| {
            t.file.unlock().unwrap();
            rustix::fs::flock(&t.file, rustix::fs::FlockOperation::Unlock).unwrap();
        }),
        ("fstat", |t| _ = t.file.metadata().unwrap()),
        ("memory that is written down later", |t| {
            let fd = t.file.as_raw_fd();
            let memory = c!(libc::mmap(std::ptr::null_mut(), 4, libc::PROT_READ, libc::MAP_SHARED, fd, 0));
            assert_eq!(c!(libc::msync(memory, 4, libc::MS_ASYNC)), 0);
            assert_eq!(c!(libc::munmap(memory, 4)), 0);
        }),
        ("rustix' fstat", |t| _ = rustix::fs::fstat(&t.file).unwrap()),
        ("output", |_| println!("printed")),
        ("close", |t| drop(t.file.try_clone().unwrap())),
    ]);
}

#[test]
fn names_and_folders() {
    table(&[
        ("stat", Class::File, |t| _ = std::fs::metadata(t.path("there")).unwrap()),
        ("C's stat", Class::File, |t| {
            let mut stat = std::mem::MaybeUninit::uninit();
            c!(libc::stat(t.c_path("there").as_ptr(), stat.as_mut_ptr()));
        }),
        ("exists", Class::File, |t| _ = t.path("none").exists()),
        ("access", Class::File, |t| _ = c!(libc::access(t.c_path("there").as_ptr(), libc::R_OK))),
        ("read_dir", Class::File, |t| _ = std::fs::read_dir(&t.folder).unwrap().count()),
        ("readlink", Class::File, |t| _ = std::fs::read_link(t.path("there"))),
        ("rename", Class::File, |t| std::fs::rename(t.path("there"), t.path("else")).unwrap()),
        ("link", Class::File, |t| std::fs::hard_link(t.path("there"), t.path("link")).unwrap()),
        ("symlink", Class::File, |t| std::os::unix::fs::symlink("x", t.path("link")).unwrap()),
        ("unlink", Class::File, |t| std::fs::remove_file(t.path("there")).unwrap()),
        ("mkdir and rmdir", Class::File, |t| {
            std::fs::create_dir(t.path("folder")).unwrap();
            std::fs::remove_dir(t.path("folder")).unwrap();
        }),
        ("chmod", Class::File, |t| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(t.path("there"), permissions).unwrap();
        }),
    ]);
}

/// The calls that have names, by C's functions and by instructions of rustix' own.
#[test]
fn names_and_folders_by_others() {
    table(&[
        ("C's rename", Class::File, |t| {
            assert_eq!(c!(libc::rename(t.c_path("there").as_ptr(), t.c_path("else").as_ptr())), 0);
        }),
        ("C's link", Class::File, |t| {
            assert_eq!(c!(libc::link(t.c_path("there").as_ptr(), t.c_path("link").as_ptr())), 0);
        }),
        ("C's symlink", Class::File, |t| {
            assert_eq!(c!(libc::symlink(c"x".as_ptr(), t.c_path("link").as_ptr())), 0);
        }),
        ("C's unlink", Class::File, |t| assert_eq!(c!(libc::unlink(t.c_path("there").as_ptr())), 0)),
        ("C's mkdir", Class::File, |t| assert_eq!(c!(libc::mkdir(t.c_path("folder").as_ptr(), 0o700)), 0)),
        ("C's rmdir", Class::File, |t| assert_eq!(c!(libc::rmdir(t.c_path("none").as_ptr())), -1)),
        ("C's chmod", Class::File, |t| assert_eq!(c!(libc::chmod(t.c_path("there").as_ptr(), 0o600)), 0)),
        ("truncate", Class::File, |t| assert_eq!(c!(libc::truncate(t.c_path("there").as_ptr(), 2)), 0)),
        ("chown", Class::File, |t| {
            assert_eq!(c!(libc::chown(t.c_path("there").as_ptr(), u32::MAX, u32::MAX)), 0);
        }),
        ("mkfifo", Class::File, |t| assert_eq!(c!(libc::mkfifo(t.c_path("fifo").as_ptr(), 0o600)), 0)),
        ("statfs", Class::File, |t| {
            let mut about = std::mem::MaybeUninit::uninit();
            assert_eq!(c!(libc::statfs(t.c_path("there").as_ptr(), about.as_mut_ptr())), 0);
        }),
        ("chdir", Class::File, |t| assert_eq!(c!(libc::chdir(t.c_path("none").as_ptr())), -1)),
        ("attributes", Class::File, |t| {
            let there = t.c_path("there");
            c!(libc::getxattr(there.as_ptr(), c"user.none".as_ptr(), std::ptr::null_mut(), 0));
        }),
        ("inotify", Class::File, |t| {
            let watch = c!(libc::inotify_init1(0));
            assert!(c!(libc::inotify_add_watch(watch, t.c_path("there").as_ptr(), libc::IN_MODIFY)) >= 0);
            assert_eq!(c!(libc::close(watch)), 0);
        }),
        ("fchmodat", Class::File, |t| {
            let there = t.c_path("there");
            assert_eq!(c!(libc::fchmodat(libc::AT_FDCWD, there.as_ptr(), 0o600, 0)), 0);
        }),
        ("C's readlink", Class::File, |t| {
            let mut room = [0; 8];
            assert_eq!(c!(libc::readlink(t.c_path("there").as_ptr(), room.as_mut_ptr(), room.len())), -1);
        }),
        ("opendir", Class::File, |t| {
            let folder = c!(libc::opendir(t.c_path("").as_ptr()));
            assert!(!c!(libc::readdir(folder)).is_null());
            c!(libc::closedir(folder));
        }),
        ("utimens", Class::File, |t| {
            let there = t.c_path("there");
            assert_eq!(c!(libc::utimensat(libc::AT_FDCWD, there.as_ptr(), std::ptr::null(), 0)), 0);
        }),
        ("rustix' stat", Class::File, |t| _ = rustix::fs::stat(t.path("there")).unwrap()),
        ("rustix' statx", Class::File, |t| {
            let (flags, mask) = (rustix::fs::AtFlags::empty(), rustix::fs::StatxFlags::SIZE);
            _ = rustix::fs::statx(rustix::fs::CWD, t.path("there"), flags, mask).unwrap();
        }),
        ("rustix' access", Class::File, |t| {
            rustix::fs::access(t.path("there"), rustix::fs::Access::READ_OK).unwrap();
        }),
        ("rustix' folder", Class::File, |t| {
            let (flags, mode) = (rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty());
            let folder = rustix::fs::open(&t.folder, flags, mode).unwrap();
            let mut room = [std::mem::MaybeUninit::uninit(); 1024];
            assert!(rustix::fs::RawDir::new(folder, &mut room).next().unwrap().is_ok());
        }),
        ("rustix' readlink", Class::File, |t| assert!(rustix::fs::readlink(t.path("there"), vec![]).is_err())),
        ("rustix' rename", Class::File, |t| rustix::fs::rename(t.path("there"), t.path("else")).unwrap()),
        ("renameat2", Class::File, |t| {
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            rustix::fs::renameat_with(rustix::fs::CWD, t.path("there"), rustix::fs::CWD, t.path("else"), flags)
                .unwrap();
        }),
        ("rustix' link", Class::File, |t| rustix::fs::link(t.path("there"), t.path("link")).unwrap()),
        ("rustix' symlink", Class::File, |t| rustix::fs::symlink("x", t.path("link")).unwrap()),
        ("rustix' unlink", Class::File, |t| rustix::fs::unlink(t.path("there")).unwrap()),
        ("rustix' mkdir", Class::File, |t| rustix::fs::mkdir(t.path("folder"), rustix::fs::Mode::RWXU).unwrap()),
        ("rustix' rmdir", Class::File, |t| assert!(rustix::fs::rmdir(t.path("none")).is_err())),
        ("rustix' chmod", Class::File, |t| rustix::fs::chmod(t.path("there"), rustix::fs::Mode::RUSR).unwrap()),
    ]);
}

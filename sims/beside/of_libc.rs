//! libc.
//!
//! Not here, since it has threads of its own, which outlive a run: `aio_read`, `getaddrinfo_a`. Nor is what asks the network
//! outside: a host that no file names. Nor `wordexp` of a command, whose process has copies of what a run has open until it
//! has begun.

use crate::{Thing, own_path};
use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::hint::black_box;
use std::mem::zeroed;
use std::os::unix::ffi::OsStrExt;
use std::ptr::{null, null_mut};

unsafe extern "C" {
    fn tzset();
    fn setutxent();
    fn getutxent() -> *mut c_void;
    fn endutxent();
    fn setservent(stay: c_int);
    fn getservent() -> *mut c_void;
    fn endservent();
    fn dcgettext(domain: *const c_char, text: *const c_char, category: c_int) -> *mut c_char;
    fn backtrace(buffer: *mut *mut c_void, size: c_int) -> c_int;
    fn tmpfile() -> *mut libc::FILE;
    fn nftw(path: *const c_char, visit: extern "C" fn(*const c_char) -> c_int, fds: c_int, flags: c_int) -> c_int;
    fn wordexp(words: *const c_char, expansion: *mut [u64; 8], flags: c_int) -> c_int;
    fn wordfree(expansion: *mut [u64; 8]);
    fn gethostbyname(name: *const c_char) -> *mut c_void;
    fn getspnam(name: *const c_char) -> *mut c_void;
    fn malloc_trim(pad: usize) -> c_int;
    fn psignal(signal: c_int, text: *const c_char);
    fn getentropy(buffer: *mut c_void, length: usize) -> c_int;
    fn pthread_getattr_np(thread: libc::pthread_t, attributes: *mut libc::pthread_attr_t) -> c_int;
    fn pthread_once(once: *mut c_int, function: extern "C" fn()) -> c_int;
    fn catopen(name: *const c_char, flag: c_int) -> *mut c_void;
    fn dl_iterate_phdr(visit: extern "C" fn(*mut c_void, usize, *mut c_void) -> c_int, data: *mut c_void) -> c_int;
    fn getloadavg(loads: *mut f64, count: c_int) -> c_int;
    fn setmntent(path: *const c_char, mode: *const c_char) -> *mut libc::FILE;
    fn getmntent(file: *mut libc::FILE) -> *mut c_void;
    fn endmntent(file: *mut libc::FILE) -> c_int;
    fn getlogin_r(name: *mut c_char, length: usize) -> c_int;
    fn random() -> c_long;
    fn clock() -> c_long;
    fn scandir(
        path: *const c_char,
        list: *mut *mut *mut c_void,
        filter: Option<extern "C" fn()>,
        compare: Option<extern "C" fn()>,
    ) -> c_int;
    fn getnetbyname(name: *const c_char) -> *mut c_void;
}

fn own() -> CString {
    CString::new(own_path().as_os_str().as_bytes()).unwrap()
}

extern "C" fn nothing() {}

extern "C" fn go_on(_: *const c_char) -> c_int {
    0
}

extern "C" fn each(_: *mut c_void, _: usize, _: *mut c_void) -> c_int {
    0
}

extern "C" fn thread(argument: *mut c_void) -> *mut c_void {
    argument
}

extern "C" fn compare(one: *const c_void, two: *const c_void) -> c_int {
    // SAFETY: `qsort` gives elements of an array of these.
    unsafe { *one.cast::<c_int>() - *two.cast::<c_int>() }
}

pub fn things() -> Vec<Thing> {
    // SAFETY: each calls with arguments that live as long as the call, as its manual has them; what is not for several
    // threads at once (`localtime`, `getpwuid`, `strerror`) returns what nobody here looks at.
    unsafe {
        vec![
            ("getaddrinfo, by number", || {
                let mut list = null_mut();
                assert_eq!(libc::getaddrinfo(c"127.0.0.1".as_ptr(), c"80".as_ptr(), null(), &mut list), 0);
                libc::freeaddrinfo(list);
            }),
            ("getaddrinfo, a service", || {
                let mut list = null_mut();
                if libc::getaddrinfo(c"localhost".as_ptr(), c"http".as_ptr(), null(), &mut list) == 0 {
                    libc::freeaddrinfo(list);
                }
            }),
            ("getnameinfo", || {
                let mut address: libc::sockaddr_in = zeroed();
                address.sin_family = libc::AF_INET as u16;
                address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
                let mut host = [0; 256];
                libc::getnameinfo((&raw const address).cast(), 16, host.as_mut_ptr(), 256, null_mut(), 0, 0);
            }),
            ("gethostbyname", || {
                black_box(gethostbyname(c"localhost".as_ptr()));
            }),
            ("getprotobyname", || {
                black_box(libc::getprotobyname(c"tcp".as_ptr()));
            }),
            ("getservbyname", || {
                black_box(libc::getservbyname(c"http".as_ptr(), c"tcp".as_ptr()));
            }),
            ("getservent", || {
                setservent(0);
                black_box(getservent());
                endservent();
            }),
            ("getnetbyname", || {
                black_box(getnetbyname(c"loopback".as_ptr()));
            }),
            ("getpwuid_r", || {
                let (mut entry, mut buffer, mut result) = (zeroed(), [0; 4096], null_mut());
                libc::getpwuid_r(0, &mut entry, buffer.as_mut_ptr(), 4096, &mut result);
            }),
            ("getpwnam", || {
                black_box(libc::getpwnam(c"root".as_ptr()));
            }),
            ("getpwent", || {
                libc::setpwent();
                black_box(libc::getpwent());
                libc::endpwent();
            }),
            ("getgrgid_r", || {
                let (mut entry, mut buffer, mut result) = (zeroed(), [0; 4096], null_mut());
                libc::getgrgid_r(0, &mut entry, buffer.as_mut_ptr(), 4096, &mut result);
            }),
            ("getgrouplist", || {
                let (mut groups, mut count) = ([0; 64], 64);
                libc::getgrouplist(c"root".as_ptr(), 0, groups.as_mut_ptr(), &mut count);
            }),
            ("getspnam", || {
                black_box(getspnam(c"root".as_ptr()));
            }),
            ("utmp", || {
                setutxent();
                black_box(getutxent());
                endutxent();
            }),
            ("getlogin_r", || {
                let mut name = [0; 256];
                getlogin_r(name.as_mut_ptr(), 256);
            }),
            ("ttyname_r", || {
                let mut name = [0; 256];
                libc::ttyname_r(0, name.as_mut_ptr(), 256);
            }),
            ("syslog", || {
                libc::openlog(c"beside".as_ptr(), 0, libc::LOG_USER);
                libc::syslog(libc::LOG_DEBUG, c"a line".as_ptr());
                libc::closelog();
            }),
            ("localtime_r", || {
                let (time, mut broken) = (1_700_000_000, zeroed());
                libc::localtime_r(&time, &mut broken);
                tzset();
            }),
            ("localtime, mktime, strftime", || {
                let (time, mut broken, mut text): (_, libc::tm, _) = (1_700_000_000, zeroed(), [0u8; 64]);
                libc::localtime(&time);
                libc::mktime(&mut broken);
                libc::strftime(text.as_mut_ptr().cast(), 64, c"%c %Z".as_ptr(), &broken);
            }),
            ("setlocale", || {
                libc::setlocale(libc::LC_ALL, c"C".as_ptr());
                let locale = libc::newlocale(libc::LC_ALL_MASK, c"C.UTF-8".as_ptr(), null_mut());
                if !locale.is_null() {
                    libc::freelocale(locale);
                }
            }),
            ("setlocale, from the environment", || {
                libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
                libc::setlocale(libc::LC_CTYPE, c"C".as_ptr());
            }),
            ("gettext", || {
                black_box(dcgettext(c"libc".as_ptr(), c"No such file".as_ptr(), libc::LC_MESSAGES));
            }),
            ("catopen", || {
                black_box(catopen(c"not-there".as_ptr(), 0));
            }),
            ("iconv", || {
                let conversion = libc::iconv_open(c"UTF-16".as_ptr(), c"ISO-8859-1".as_ptr());
                if conversion as isize != -1 {
                    libc::iconv_close(conversion);
                }
            }),
            ("regcomp", || {
                let mut expression = zeroed();
                assert_eq!(libc::regcomp(&mut expression, c"a+b".as_ptr(), libc::REG_EXTENDED), 0);
                libc::regexec(&expression, c"aab".as_ptr(), 0, null_mut(), 0);
                libc::regfree(&mut expression);
            }),
            ("printf of a float", || {
                let mut text = [0u8; 64];
                libc::snprintf(text.as_mut_ptr().cast(), 64, c"%.20g %s".as_ptr(), 0.1, c"x".as_ptr());
            }),
            ("getifaddrs", || {
                let mut list = null_mut();
                libc::getifaddrs(&mut list);
                libc::freeifaddrs(list);
            }),
            ("if_nameindex", || {
                libc::if_freenameindex(libc::if_nameindex());
                black_box(libc::if_nametoindex(c"lo".as_ptr()));
            }),
            ("sysconf", || {
                libc::sysconf(libc::_SC_NPROCESSORS_CONF);
                libc::sysconf(libc::_SC_NPROCESSORS_ONLN);
                libc::sysconf(libc::_SC_PHYS_PAGES);
            }),
            ("getloadavg", || {
                let mut loads = [0.0; 3];
                getloadavg(loads.as_mut_ptr(), 3);
            }),
            ("gethostname, uname, sysinfo", || {
                let (mut name, mut system, mut information) = ([0; 256], zeroed(), zeroed());
                libc::gethostname(name.as_mut_ptr(), 256);
                libc::uname(&mut system);
                libc::sysinfo(&mut information);
            }),
            ("getmntent", || {
                let file = setmntent(c"/proc/self/mounts".as_ptr(), c"r".as_ptr());
                if !file.is_null() {
                    black_box(getmntent(file));
                    endmntent(file);
                }
            }),
            ("fopen", || {
                let file = libc::fopen(c"/etc/passwd".as_ptr(), c"re".as_ptr());
                let mut bytes = [0u8; 256];
                libc::fread(bytes.as_mut_ptr().cast(), 1, 256, file);
                libc::fclose(file);
            }),
            ("fgets, ungetc, fseek", || {
                let file = libc::fopen(c"/etc/passwd".as_ptr(), c"re".as_ptr());
                let mut bytes = [0; 256];
                libc::fgets(bytes.as_mut_ptr(), 256, file);
                libc::ungetc(1, file);
                libc::fseek(file, 1, libc::SEEK_SET);
                libc::fclose(file);
            }),
            ("stdout", || {
                libc::fflush(null_mut());
                libc::puts(c"text".as_ptr());
            }),
            ("stdout, putchar", || {
                libc::putchar(c_int::from(b'x'));
                libc::putchar(c_int::from(b'\n'));
            }),
            ("perror", || libc::perror(c"of ours".as_ptr())),
            ("psignal", || psignal(libc::SIGUSR1, c"of ours".as_ptr())),
            ("tmpfile", || {
                let file = tmpfile();
                libc::fputs(c"x".as_ptr(), file);
                libc::fclose(file);
            }),
            ("fmemopen", || {
                let mut bytes = [0u8; 16];
                let file = libc::fmemopen(bytes.as_mut_ptr().cast(), 16, c"w".as_ptr());
                libc::fputs(c"x".as_ptr(), file);
                libc::fclose(file);
            }),
            ("open_memstream", || {
                let (mut text, mut length) = (null_mut(), 0);
                let file = libc::open_memstream(&mut text, &mut length);
                libc::fputs(c"x".as_ptr(), file);
                libc::fclose(file);
                libc::free(text.cast());
            }),
            ("mkstemp", || {
                let mut template = *b"/tmp/raddle-beside-XXXXXX\0";
                let file = libc::mkstemp(template.as_mut_ptr().cast());
                libc::unlink(template.as_ptr().cast());
                libc::close(file);
            }),
            ("realpath", || {
                libc::free(libc::realpath(c"/etc/../etc/passwd".as_ptr(), null_mut()).cast());
            }),
            ("glob", || {
                let mut found = zeroed();
                libc::glob(c"/etc/pass*".as_ptr(), 0, None, &mut found);
                libc::globfree(&mut found);
            }),
            ("wordexp", || {
                let mut expansion = [0; 8];
                if wordexp(c"$HOME/x ~root".as_ptr(), &mut expansion, 0) == 0 {
                    wordfree(&mut expansion);
                }
            }),
            ("nftw", || {
                nftw(c"/etc/default".as_ptr(), go_on, 8, 0);
            }),
            ("system", || {
                libc::system(c"true".as_ptr());
            }),
            ("popen", || {
                let file = libc::popen(c"true".as_ptr(), c"r".as_ptr());
                libc::pclose(file);
            }),
            ("posix_spawn", || {
                let (mut process, mut status) = (0, 0);
                let arguments = [c"true".as_ptr().cast_mut(), null_mut()];
                let path = c"true".as_ptr();
                assert_eq!(libc::posix_spawnp(&mut process, path, null(), null(), arguments.as_ptr(), null()), 0);
                libc::waitpid(process, &mut status, 0);
            }),
            ("fork", || {
                let process = libc::fork();
                if process == 0 {
                    libc::_exit(0);
                }
                let mut status = 0;
                libc::waitpid(process, &mut status, 0);
                assert_eq!(status, 0);
            }),
            ("fork, with a pipe", || {
                let mut pipe = [0; 2];
                libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC);
                let process = libc::fork();
                if process == 0 {
                    libc::write(pipe[1], c"x".as_ptr().cast(), 1);
                    libc::_exit(0);
                }
                let mut bytes = [0u8; 1];
                assert_eq!(libc::read(pipe[0], bytes.as_mut_ptr().cast(), 1), 1);
                libc::close(pipe[0]);
                libc::close(pipe[1]);
                libc::waitpid(process, null_mut(), 0);
            }),
            ("atexit", || {
                libc::atexit(nothing);
            }),
            ("pthread_atfork", || {
                static ONCE: std::sync::Once = std::sync::Once::new();
                extern "C" fn at_fork() {}
                ONCE.call_once(|| _ = libc::pthread_atfork(Some(at_fork), None, None));
            }),
            ("dlopen", || {
                let library = libc::dlopen(c"libm.so.6".as_ptr(), libc::RTLD_NOW);
                libc::dlclose(library);
            }),
            ("dlopen, not there yet", || {
                let library = libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW);
                if !library.is_null() {
                    libc::dlclose(library);
                }
            }),
            ("dlsym", || {
                black_box(libc::dlsym(libc::RTLD_DEFAULT, c"getpid".as_ptr()));
                black_box(libc::dlsym(libc::RTLD_DEFAULT, c"not_there".as_ptr()));
                libc::dlerror();
            }),
            ("dladdr, dl_iterate_phdr", || {
                let mut information = zeroed();
                libc::dladdr(nothing as *const c_void, &mut information);
                dl_iterate_phdr(each, null_mut());
            }),
            ("backtrace", || {
                let mut frames = [null_mut(); 32];
                backtrace(frames.as_mut_ptr(), 32);
            }),
            ("rand", || {
                black_box(libc::rand());
                black_box(random());
            }),
            ("getentropy", || {
                let mut bytes = [0u8; 16];
                getentropy(bytes.as_mut_ptr().cast(), 16);
                (0..bytes[0] % 4).for_each(|_| std::thread::yield_now());
            }),
            ("qsort", || {
                let mut numbers: Vec<c_int> = (0..2000).rev().collect();
                libc::qsort(numbers.as_mut_ptr().cast(), 2000, 4, Some(compare));
                assert_eq!(numbers[0], 0);
            }),
            ("strerror, strsignal", || {
                black_box((libc::strerror(2), libc::strsignal(2)));
            }),
            ("malloc, freed elsewhere", || {
                let allocated = [(); 40].map(|()| libc::malloc(3000) as usize);
                std::thread::spawn(move || allocated.map(|pointer| libc::free(pointer as *mut c_void))).join().unwrap();
            }),
            ("malloc_trim", || {
                malloc_trim(0);
            }),
            ("posix_memalign, realloc", || {
                let mut pointer = null_mut();
                libc::posix_memalign(&mut pointer, 4096, 100_000);
                libc::free(libc::realloc(pointer, 400_000));
            }),
            ("mmap", || {
                let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
                let pages = libc::mmap(null_mut(), 1 << 16, protection, flags, -1, 0);
                pages.cast::<u8>().write(1);
                libc::mprotect(pages, 4096, libc::PROT_READ);
                libc::madvise(pages, 1 << 16, libc::MADV_DONTNEED);
                libc::munmap(pages, 1 << 16);
            }),
            ("sem_t", || {
                let mut semaphore: libc::sem_t = zeroed();
                libc::sem_init(&mut semaphore, 0, 1);
                libc::sem_wait(&mut semaphore);
                libc::sem_post(&mut semaphore);
                libc::sem_destroy(&mut semaphore);
            }),
            ("sem_open", || {
                let name = own();
                let name = CString::new(name.to_str().unwrap().replace("/tmp/", "/")).unwrap();
                let semaphore = libc::sem_open(name.as_ptr(), libc::O_CREAT, 0o600, 1);
                libc::sem_wait(semaphore);
                libc::sem_close(semaphore);
                libc::sem_unlink(name.as_ptr());
            }),
            ("shm_open", || {
                let name = own();
                let name = CString::new(name.to_str().unwrap().replace("/tmp/", "/")).unwrap();
                let memory = libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600);
                libc::ftruncate(memory, 4096);
                libc::close(memory);
                libc::shm_unlink(name.as_ptr());
            }),
            ("pthread_create", || {
                let mut id = 0;
                assert_eq!(libc::pthread_create(&mut id, null(), thread, null_mut()), 0);
                libc::pthread_join(id, null_mut());
            }),
            ("pthread_create, detached", || {
                let mut id = 0;
                assert_eq!(libc::pthread_create(&mut id, null(), thread, null_mut()), 0);
                libc::pthread_detach(id);
            }),
            ("pthread keys", || {
                extern "C" fn destructor(_: *mut c_void) {}
                let mut key = 0;
                assert_eq!(libc::pthread_key_create(&mut key, Some(drop_nothing(destructor))), 0);
                libc::pthread_setspecific(key, std::ptr::dangling::<c_void>());
                libc::pthread_setspecific(key, null());
                libc::pthread_key_delete(key);
            }),
            ("pthread_once", || {
                static mut ONCE: c_int = 0;
                pthread_once(&raw mut ONCE, nothing);
            }),
            ("pthread locks in a static", || {
                static mut MUTEX: libc::pthread_mutex_t = libc::PTHREAD_MUTEX_INITIALIZER;
                static mut LOCK: libc::pthread_rwlock_t = libc::PTHREAD_RWLOCK_INITIALIZER;
                libc::pthread_mutex_lock(&raw mut MUTEX);
                libc::pthread_mutex_unlock(&raw mut MUTEX);
                libc::pthread_rwlock_rdlock(&raw mut LOCK);
                libc::pthread_rwlock_unlock(&raw mut LOCK);
                libc::pthread_rwlock_wrlock(&raw mut LOCK);
                libc::pthread_rwlock_unlock(&raw mut LOCK);
            }),
            ("pthread_cond_timedwait", || {
                let (mut mutex, mut condition) = (libc::PTHREAD_MUTEX_INITIALIZER, libc::PTHREAD_COND_INITIALIZER);
                let mut now: libc::timespec = zeroed();
                libc::clock_gettime(libc::CLOCK_REALTIME, &mut now);
                libc::pthread_mutex_lock(&mut mutex);
                libc::pthread_cond_timedwait(&mut condition, &mut mutex, &now);
                libc::pthread_mutex_unlock(&mut mutex);
            }),
            ("pthread_getattr_np", || {
                let mut attributes = zeroed();
                assert_eq!(pthread_getattr_np(libc::pthread_self(), &mut attributes), 0);
                libc::pthread_attr_destroy(&mut attributes);
            }),
            ("pthread names", || {
                let mut name = [0; 16];
                libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), 16);
                libc::pthread_setname_np(libc::pthread_self(), name.as_ptr());
            }),
            ("pthread_sigmask", || {
                let mut set = zeroed();
                libc::sigemptyset(&mut set);
                libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut());
            }),
            ("signal", || {
                libc::signal(libc::SIGUSR2, libc::SIG_IGN);
            }),
            ("raise", || {
                libc::signal(libc::SIGUSR2, libc::SIG_IGN);
                libc::raise(libc::SIGUSR2);
                libc::kill(libc::getpid(), libc::SIGUSR2);
            }),
            ("timer_create", || {
                let (mut timer, mut event): (_, libc::sigevent) = (null_mut(), zeroed());
                event.sigev_notify = libc::SIGEV_NONE;
                if libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) == 0 {
                    let mut spec: libc::itimerspec = zeroed();
                    spec.it_value.tv_nsec = 1000;
                    libc::timer_settime(timer, 0, &spec, null_mut());
                    libc::timer_delete(timer);
                }
            }),
            ("nanosleep, usleep", || {
                let time = libc::timespec { tv_sec: 0, tv_nsec: 1000 };
                libc::nanosleep(&time, null_mut());
                libc::usleep(10);
                libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &time, null_mut());
            }),
            ("poll, select", || {
                libc::poll(null_mut(), 0, 1);
                let mut time = libc::timeval { tv_sec: 0, tv_usec: 100 };
                libc::select(0, null_mut(), null_mut(), null_mut(), &mut time);
            }),
            ("epoll, eventfd, timerfd", || {
                let (poller, counter) = (libc::epoll_create1(libc::EPOLL_CLOEXEC), libc::eventfd(1, libc::EFD_CLOEXEC));
                let timer = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC);
                let mut spec: libc::itimerspec = zeroed();
                spec.it_value.tv_nsec = 1000;
                libc::timerfd_settime(timer, 0, &spec, null_mut());
                let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 1 };
                libc::epoll_ctl(poller, libc::EPOLL_CTL_ADD, counter, &mut event);
                libc::epoll_ctl(poller, libc::EPOLL_CTL_ADD, timer, &mut event);
                libc::epoll_wait(poller, &mut event, 1, -1);
                let mut bytes = [0u8; 8];
                libc::read(timer, bytes.as_mut_ptr().cast(), 8);
                _ = [poller, counter, timer].map(|fd| libc::close(fd));
            }),
            ("inotify", || {
                let (watcher, path) = (libc::inotify_init1(libc::IN_CLOEXEC), own());
                libc::mkdir(path.as_ptr(), 0o700);
                libc::inotify_add_watch(watcher, path.as_ptr(), libc::IN_CREATE);
                let file = CString::new([path.as_bytes(), b"/x"].concat()).unwrap();
                libc::close(libc::creat(file.as_ptr(), 0o600));
                let mut bytes = [0u8; 512];
                libc::read(watcher, bytes.as_mut_ptr().cast(), 512);
                libc::unlink(file.as_ptr());
                libc::rmdir(path.as_ptr());
                libc::close(watcher);
            }),
            ("memfd, sendfile, splice", || {
                let (one, two) = (libc::memfd_create(c"x".as_ptr(), 1), libc::memfd_create(c"y".as_ptr(), 1));
                libc::write(one, c"text".as_ptr().cast(), 4);
                let mut offset = 0;
                libc::sendfile(two, one, &mut offset, 4);
                libc::close(one);
                libc::close(two);
            }),
            ("semop", || {
                let set = libc::semget(libc::IPC_PRIVATE, 1, 0o600);
                let by = move |by: i16| {
                    let mut operation = libc::sembuf { sem_num: 0, sem_op: by, sem_flg: 0 };
                    assert_eq!(libc::semop(set, &mut operation, 1), 0);
                };
                let thread = std::thread::spawn(move || by(1));
                by(-1);
                thread.join().unwrap();
                libc::semctl(set, 0, libc::IPC_RMID);
            }),
            ("msgrcv", || {
                let queue = libc::msgget(libc::IPC_PRIVATE, 0o600);
                let thread = std::thread::spawn(move || {
                    let message = [1i64, 7];
                    assert_eq!(libc::msgsnd(queue, message.as_ptr().cast(), 8, 0), 0);
                });
                let mut message = [0i64; 2];
                assert_eq!(libc::msgrcv(queue, message.as_mut_ptr().cast(), 8, 0, 0), 8);
                thread.join().unwrap();
                libc::msgctl(queue, libc::IPC_RMID, null_mut());
            }),
            ("sigtimedwait", || {
                let (mut set, time) = (zeroed(), libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 });
                libc::sigemptyset(&mut set);
                libc::sigaddset(&mut set, libc::SIGURG);
                assert_eq!(libc::sigtimedwait(&set, null_mut(), &time), -1);
            }),
            ("recv of all", || {
                let mut pair = [0; 2];
                libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0, pair.as_mut_ptr());
                let [near, far] = pair;
                let thread = std::thread::spawn(move || {
                    for _ in 0..3 {
                        assert_eq!(libc::send(far, c"text".as_ptr().cast(), 4, 0), 4);
                        libc::sched_yield();
                    }
                });
                let mut bytes = [0u8; 12];
                assert_eq!(libc::recv(near, bytes.as_mut_ptr().cast(), 12, libc::MSG_WAITALL), 12);
                thread.join().unwrap();
                _ = [near, far].map(|fd| libc::close(fd));
            }),
            ("flock", || {
                let path = own();
                let file = libc::open(path.as_ptr(), libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC, 0o600);
                libc::flock(file, libc::LOCK_EX);
                libc::lockf(file, libc::F_LOCK, 0);
                libc::unlink(path.as_ptr());
                libc::close(file);
            }),
            ("clocks", || {
                let mut time: libc::timespec = zeroed();
                for clock in
                    [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC_RAW]
                {
                    libc::clock_gettime(clock, &mut time);
                }
                black_box((libc::time(null_mut()), clock()));
            }),
            ("times, getrusage", || {
                let (mut times, mut usage) = (zeroed(), zeroed());
                libc::times(&mut times);
                libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            }),
            ("sched", || {
                let mut set = zeroed();
                libc::sched_getaffinity(0, size_of_val(&set), &mut set);
                libc::sched_yield();
                black_box(libc::sched_getcpu());
            }),
            ("openpty", || {
                let (mut one, mut two) = (0, 0);
                if libc::openpty(&mut one, &mut two, null_mut(), null(), null()) == 0 {
                    libc::close(one);
                    libc::close(two);
                }
            }),
            ("scandir", || {
                let mut list = null_mut();
                let count: c_long = scandir(c"/etc/default".as_ptr(), &mut list, None, None).into();
                for n in 0..count.max(0) {
                    libc::free(*list.offset(n as isize));
                }
                libc::free(list.cast());
            }),
            ("sockets", || {
                let mut pair = [0; 2];
                libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0, pair.as_mut_ptr());
                libc::send(pair[0], c"x".as_ptr().cast(), 1, 0);
                let mut bytes = [0u8; 1];
                libc::recv(pair[1], bytes.as_mut_ptr().cast(), 1, 0);
                libc::close(pair[0]);
                libc::close(pair[1]);
            }),
            ("getauxval, confstr", || {
                let mut text = [0; 64];
                libc::confstr(0, text.as_mut_ptr(), 64);
                black_box(libc::getauxval(libc::AT_PAGESZ));
            }),
        ]
    }
}

/// As `pthread_key_create` of the libc crate has it.
fn drop_nothing(function: extern "C" fn(*mut c_void)) -> unsafe extern "C" fn(*mut c_void) {
    function
}

//! `process`: real children, waited for by workers.

use raddle::Sim;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::process::unix::CommandExt;
use smol::process::{Command, Stdio};

#[test]
fn output_and_status() {
    let found = raddle::Explore::new().seeds(0..8).run(|| async {
        let output = Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).output().await?;
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        assert!(Command::new("true").status().await?.success());
        let mut shell = Command::new("sh");
        shell.arg0("me").arg("-c").arg("echo $0 $A").env("A", "b").env_remove("C").current_dir("/");
        assert_eq!(shell.get_program(), "sh");
        assert_eq!(shell.get_args().count(), 2);
        assert_eq!(shell.output().await?.stdout, b"me b\n");
        assert!(Command::new("no such program").output().await.is_err());
        Ok::<_, std::io::Error>(())
    });
    assert!(found.is_ok(), "{found}");
}

#[test]
fn talks_to_a_child() {
    let report = Sim::new().run(|| async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut reply = [0; 5];
        for word in [b"hello", b"world"] {
            to.write_all(word).await?;
            from.read_exact(&mut reply).await?;
            assert_eq!(&reply, word);
        }
        assert_eq!(child.try_status()?, None);
        drop(to);
        assert_eq!(from.read(&mut reply).await?, 0);
        assert!(child.status().await?.success());
        Ok::<_, std::io::Error>(())
    });
    assert!(report.is_ok(), "{report}");
}

#[test]
fn kills_and_passes_pipes_on() {
    let report = Sim::new().run(|| async {
        let mut child = Command::new("sleep").arg("1000").spawn()?;
        assert!(child.id() > 0);
        child.kill()?;
        assert!(!child.status().await?.success());
        drop(Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?);
        let mut echo = Command::new("echo").arg("piped").stdout(Stdio::piped()).spawn()?;
        let pipe = echo.stdout.take().unwrap().into_stdio().await?;
        assert_eq!(Command::new("cat").stdin(pipe).output().await?.stdout, b"piped\n");
        echo.status().await?;
        Ok::<_, std::io::Error>(())
    });
    assert!(report.is_ok(), "{report}");
}

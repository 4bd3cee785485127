//! raddle beside its peers, in one interleaved run: each measurement a fresh process, A B C A B C …, medians and ratios
//! beside what raddle must reach. `README.md` says how to read it.
#![forbid(unsafe_code)]

mod args;
mod builds;
mod catalogue;
mod child;
mod instructions;
mod json;
mod rounds;
mod stats;
mod table;

use args::Args;
use builds::Builds;
use catalogue::Row;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match args::read() {
        Ok(Some(args)) => measure(&args),
        Ok(None) => {
            print!("{}", args::help());
            Ok(())
        }
        Err(why) => Err(why),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("raddle-benches: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<(), String> {
    let rows: Vec<Row> = catalogue::rows().into_iter().filter_map(|row| args.choose(row)).collect();
    if args.instructions {
        instructions::look_for_valgrind()?;
    }
    let builds = Builds::make(&rows, &args.profile)?;
    println!("{}", table::head(args));
    let mut done = Vec::new();
    for row in &rows {
        if args.instructions {
            if instructions::can_count(row) {
                println!("{}", instructions::count(row, &builds, &args.profile)?);
            }
            continue;
        }
        let measured = rounds::measure(row, &builds, args)?;
        println!("{}", table::of(&measured, args));
        done.push(measured);
    }
    if !args.instructions {
        println!("{}", table::summary(&done, args));
    }
    if let Some(path) = &args.json {
        json::write(path, args, &done)?;
    }
    Ok(())
}

//! Proves that the simulation finds bugs: builds it with each bug of `tests/mutants`, one at a time, and has it hunt for the
//! promises that the bug breaks. The program without bugs goes first, and must break none.

pub mod mutant;

use mutant::{Mutant, Sources};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long new seeds may take to find a bug, on one core.
const SECONDS: u64 = 60;
/// How much longer a hunt may take to end. A bug may keep a plan from ending at all.
const GRACE: Duration = Duration::from_secs(60);

/// The name of the program without bugs.
const UNCHANGED: &str = "unchanged";

/// The result of a hunt.
struct Catch {
    is_found: bool,
    /// The last line that the hunt printed: when and where, and which promise.
    text: String,
}

/// Proves it with these mutants; without names, with all mutants and with the unchanged program. Returns whether every mutant
/// was found, and nothing in the unchanged program. The next mutant is built during a hunt.
///
/// # Errors
/// If a mutant does not apply, or the program does not build with it.
pub fn prove(names: &[String]) -> Result<bool, String> {
    let begun = Instant::now();
    let all = mutants()?;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutant| mutant.name != **name)) {
        return Err(format!("there is no tests/mutants/{unknown}.mutant"));
    }
    let asked: Vec<Mutant> =
        all.into_iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name)).collect();
    let sources = sources()?;
    let mut wrong = Vec::new();
    let mut table = vec!["| bug | found after |".to_owned(), "|---|---|".to_owned()];
    thread::scope(|scope| {
        let (built, programs) = mpsc::sync_channel(0);
        let (sources, asked) = (&sources, &asked);
        scope.spawn(move || {
            let unchanged = names.is_empty().then_some(None);
            for mutant in unchanged.into_iter().chain(asked.iter().map(Some)) {
                // Nobody waits for more after an error.
                if built.send(program(sources, mutant).map(|program| (mutant, program))).is_err() {
                    return;
                }
            }
        });
        for next in programs {
            let (mutant, program) = next?;
            let (name, is_right, text) = match mutant {
                None => {
                    let plans = files(&root().join("tests/plans"))?;
                    let by_plans = hunt(&program, UNCHANGED, "any", &plans)?;
                    let caught = if by_plans.is_found { by_plans } else { hunt(&program, UNCHANGED, "any", &[])? };
                    (UNCHANGED, !caught.is_found, caught.text)
                }
                Some(mutant) => {
                    let breaks = mutant.breaks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    // The plan alone must find its bug; without one, new seeds must.
                    let plan: Vec<PathBuf> = mutant.plan.iter().map(|plan| plan_path(plan)).collect();
                    let caught = hunt(&program, &mutant.name, &breaks, &plan)?;
                    (mutant.name.as_str(), caught.is_found, caught.text)
                }
            };
            println!("{name}: {text}");
            table.push(format!("| {name} | {text} |"));
            if !is_right {
                wrong.push(name);
            }
        }
        Ok::<_, String>(())
    })?;
    println!("\n{}\n\n{} bugs in {} s", table.join("\n"), asked.len(), begun.elapsed().as_secs());
    match wrong[..] {
        [] => println!("all is as it must be"),
        _ => println!("NOT FOUND, or found without a bug: {}", wrong.join(", ")),
    }
    Ok(wrong.is_empty())
}

/// Builds the program with this bug, or without one; returns where it is.
fn program(sources: &Sources, mutant: Option<&Mutant>) -> Result<PathBuf, String> {
    let mut sources = sources.clone();
    let name = mutant.map_or(UNCHANGED, |mutant| &mutant.name);
    if let Some(mutant) = mutant {
        mutant.apply(&mut sources).map_err(|error| format!("{name}: {error}"))?;
    }
    build(&sources, name)?;
    // The next build overwrites the original.
    let (built, program) = (scratch().join("target/simulation/simulate"), scratch().join(name));
    fs::copy(&built, &program).map_err(about(&program))?;
    Ok(program)
}

/// All mutants, by name.
///
/// # Errors
/// If one cannot be read.
pub fn mutants() -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for path in files(&root().join("tests/mutants"))? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        mutants.push(Mutant::parse(&name, &read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    Ok(mutants)
}

/// All that the program is built from.
///
/// # Errors
/// If something cannot be read.
pub fn sources() -> Result<Sources, String> {
    // Cargo requires the test and the benches that Cargo.toml names.
    let single = ["Cargo.toml", "Cargo.lock", "build.rs", "tests/simulation.rs"];
    let mut paths: Vec<PathBuf> = single.map(|file| root().join(file)).into();
    for folder in ["src", "benches"] {
        paths.extend(files(&root().join(folder))?);
    }
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
        Ok((name, read(&path)?))
    };
    paths.into_iter().map(named).collect()
}

pub fn plan_path(plan: &str) -> PathBuf {
    root().join(format!("tests/plans/{plan}.plan"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn scratch() -> PathBuf {
    root().join("target/proof")
}

/// Every file in the folder and below, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(about(folder))? {
        let path = entry.map_err(about(folder))?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(about(path))
}

fn about(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Makes the copy equal to these sources, and builds it. A file that stays the same is not written, so that only what a
/// mutant changes is built again.
fn build(sources: &Sources, name: &str) -> Result<(), String> {
    let copy = scratch().join("source");
    fs::create_dir_all(&copy).map_err(about(&copy))?;
    for path in files(&copy)? {
        let is_wanted = path.strip_prefix(&copy).is_ok_and(|file| sources.contains_key(&*file.to_string_lossy()));
        if !is_wanted {
            fs::remove_file(&path).map_err(about(&path))?;
        }
    }
    for (file, text) in sources {
        let path = copy.join(file);
        if fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        let folder = path.parent().unwrap_or(&copy);
        fs::create_dir_all(folder).map_err(about(folder))?;
        fs::write(&path, text).map_err(about(&path))?;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--profile", "simulation", "--features", "simulation", "--bin", "simulate"];
    let status = Command::new(cargo)
        .args(arguments)
        .arg("--target-dir")
        .arg(scratch().join("target"))
        .current_dir(&copy)
        .env("CARGO_PROFILE_SIMULATION_INCREMENTAL", "true")
        // A change in one file compiles one unit.
        .env("CARGO_PROFILE_SIMULATION_CODEGEN_UNITS", "256")
        .env("CARGO_PROFILE_SIMULATION_LTO", "off")
        .env("RUSTFLAGS", "--allow=warnings")
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} does not build: {status}")),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// Has a program look for a run that breaks one of these promises: in these plans, or without plans in new seeds.
fn hunt(program: &Path, name: &str, breaks: &str, plans: &[PathBuf]) -> Result<Catch, String> {
    let told = scratch().join(format!("{name}.log"));
    let output = File::create(&told).map_err(about(&told))?;
    let errors = scratch().join(format!("{name}.errors"));
    let error_output = File::create(&errors).map_err(about(&errors))?;
    let mut command = Command::new(program);
    command.args(["hunt", &SECONDS.to_string(), breaks]).args(plans).stdout(output).stderr(error_output);
    let mut child = command.spawn().map_err(about(program))?;
    let until = Instant::now() + Duration::from_secs(SECONDS) + GRACE;
    let status: Option<ExitStatus> = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                _ = child.kill();
                _ = child.wait();
                break None;
            }
            Ok(status) => break status,
            Err(error) => return Err(about(program)(error)),
        }
    };
    let Some(status) = status else { return Ok(Catch { is_found: false, text: "it did not end".to_owned() }) };
    match (status.code(), read(&told)?.lines().last()) {
        (Some(code @ (0 | 1)), Some(line)) => Ok(Catch { is_found: code == 1, text: line.to_owned() }),
        _ => Err(format!("{name}: the hunt failed, see {}", errors.display())),
    }
}

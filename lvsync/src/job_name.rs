//! [`check_job`]: what jobs can be called.

use flow::usage;

/// Makes sure that this can be the name of a job: only then it is part of a path, a tag or a unit.
pub(crate) fn check_job(name: &str) -> anyhow::Result<()> {
    match is_job(name) {
        true => Ok(()),
        false => Err(usage(format!(
            "{name:?} cannot be the name of a job: expected at most 64 letters, digits and _ . -, with a letter, a \
             digit or _ as the first"
        ))),
    }
}

/// Whether this can be the name of a job.
pub(crate) fn is_job(name: &str) -> bool {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&name.len()) && !name.starts_with(['.', '-']) && name.bytes().all(is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_name_is_no_path() {
        assert!(is_job("nightly") && is_job("a.b-c_1"));
        let long = "x".repeat(65);
        for name in ["", ".", "..", "a/b", "../a", "-a", "a b", "a\n", "ä", "%i", long.as_str()] {
            assert!(!is_job(name) && check_job(name).is_err(), "{name}");
        }
    }
}

//! Files for what is too large for memory.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that nobody else can open and that is gone once it is closed, whatever happens.
pub(crate) fn nameless() -> std::io::Result<File> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let name = format!("sluice-verify-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    #[test]
    fn a_file_without_a_name_is_written_read_and_nowhere_to_be_found() {
        let mut file = nameless().expect("a file");
        file.write_all(b"content").expect("written");
        file.rewind().expect("at its beginning");
        let content = std::io::read_to_string(&file).expect("read");
        assert_eq!(content, "content");
        let ours = format!("sluice-verify-{}-", std::process::id());
        let left = std::fs::read_dir(std::env::temp_dir()).expect("a folder");
        let left = left.flatten().map(|entry| entry.file_name());
        assert_eq!(
            left.filter(|name| name.to_string_lossy().starts_with(&ours))
                .count(),
            0
        );
    }
}

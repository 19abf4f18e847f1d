//! [`WayOut`]: what would make a refused request possible.

/// What would make a refused request possible. Each program names its own command-line option for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WayOut {
    /// Name the disk that is meant.
    NameDisk,
    /// Name a folder with the streams of several disks.
    NameFolder,
    /// Name the base.
    NameBase,
    /// Name the volume that holds the beginning of the stream.
    NamePart,
    /// Name the new volume.
    NameNew,
    /// Name the base, or for a full stream the thin pool.
    NameBaseOrPool,
    /// Name the files rather than their folder.
    NameFiles,
    /// Name the thin pool for a full stream's volume.
    NamePool,
    /// Name the volumes that other streams start from and lead to.
    NameVolumes,
    /// Say how large the volume is.
    SaySize,
    /// Leave the size out: the stream says it.
    LeaveOutSize,
    /// Give the stream as its own file, because it is read twice.
    ReadFile,
    /// Give the stream as its own file, or do not keep what is overwritten.
    ReadFileToKeep,
    /// Give it on standard input.
    ReadStandardInput,
    /// Leave out the stopping point.
    LeaveOutEnd,
    /// Give the time to stop at in local time.
    StopAtLocalTime,
    /// Name the volume to stop at.
    StopAtVolume,
    /// Apply a cut stream in a separate run.
    ApplyPart,
    /// Write onto the volume itself.
    WriteInPlace,
    /// Make a new volume.
    MakeNewVolume,
    /// Apply to a different chunk size.
    AllowOtherChunks,
    /// Accept a format that guarantees less.
    AcceptLess,
    /// Do not prove the base.
    SkipProof,
    /// Do not keep what is overwritten.
    KeepNothing,
    /// Make the stream with root digests.
    FindRoots,
    /// Release the pool's metadata snapshot, which someone else holds.
    ReleaseMetadataSnapshot,
}

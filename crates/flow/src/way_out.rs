//! [`WayOut`]: what would make possible what was refused.

/// What would make possible what was refused. Each program says it in the words of its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WayOut {
    /// Name the disk that is meant.
    NameDisk,
    /// Name a folder of several disks' streams.
    NameFolder,
    /// Name the base.
    NameBase,
    /// Name the thin pool for a full stream's volume.
    NamePool,
    /// Name the volumes that other streams start from and lead to.
    NameVolumes,
    /// Say how large the volume is.
    SaySize,
    /// Leave the size out: the stream says it.
    LeaveOutSize,
    /// Give a stream in a file of its own, for it is read twice.
    ReadFile,
    /// The same, or keep nothing of what is overwritten.
    ReadFileToKeep,
    /// Give it on standard input.
    ReadStandardInput,
    /// Leave out where to stop.
    LeaveOutEnd,
    /// Give the time to stop at in local time.
    StopAtLocalTime,
    /// Name the volume to stop at.
    StopAtVolume,
    /// Apply a cut stream in a run of its own.
    ApplyPart,
    /// Write onto the volume itself.
    WriteInPlace,
    /// Make a new volume.
    MakeNewVolume,
    /// Apply to chunks of another size.
    AllowOtherChunks,
    /// Accept a format that promises less.
    AcceptLess,
    /// Do not prove the base.
    SkipProof,
    /// Keep nothing of what is overwritten.
    KeepNothing,
    /// Make the stream with root digests.
    FindRoots,
    /// Release the pool's metadata snapshot, which others hold.
    ReleaseMetadataSnapshot,
}

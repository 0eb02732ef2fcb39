//! The kernel's requests, turned into operations on the model. One flat directory.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::mount::{Fault, Kind, Shared};
use super::volatile::{Errno, Image, VolatileDisk};

/// The kernel keeps nothing of names and attributes: what a machine forgets is not remembered
/// here.
const NO_TIME: Duration = Duration::ZERO;

const ROOT: u64 = 1;

/// The file system.
#[derive(Debug)]
pub(super) struct Files(Arc<Shared>);

impl Files {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    fn attributes(&self, file: u64) -> Result<FileAttr, Errno> {
        self.0.look(|image| attributes(image, file))
    }
}

fn attributes(image: &Image, file: u64) -> Result<FileAttr, Errno> {
    let is_root = file == ROOT;
    let length = match image.content(file) {
        Some(content) => content.len() as u64,
        None if is_root => 0,
        None => return Err(Errno::NoEntry),
    };
    Ok(FileAttr {
        ino: INodeNo(file),
        size: length,
        blocks: length.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if is_root {
            FileType::Directory
        } else {
            FileType::RegularFile
        },
        perm: if is_root { 0o700 } else { 0o600 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

fn errno(error: Errno) -> fuser::Errno {
    match error {
        Errno::NoEntry => fuser::Errno::ENOENT,
        Errno::Exists => fuser::Errno::EEXIST,
        Errno::Io => fuser::Errno::EIO,
        Errno::NoSpace => fuser::Errno::ENOSPC,
        Errno::ReadOnly => fuser::Errno::EROFS,
    }
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Writes, or as much of it as the fault lets through.
fn write(
    disk: &mut VolatileDisk,
    file: u64,
    offset: u64,
    data: &[u8],
    fault: Option<Fault>,
) -> Result<usize, Errno> {
    let part = data.get(..data.len() / 3).unwrap_or_default();
    match fault {
        Some(Fault::ShortWrite(_)) if !part.is_empty() => {
            disk.write(file, place(offset), part);
            Ok(part.len())
        }
        Some(Fault::FailedWrite(_, error)) => {
            disk.write(file, place(offset), part);
            Err(error)
        }
        _ => {
            disk.write(file, place(offset), data);
            Ok(data.len())
        }
    }
}

fn sync(disk: &mut VolatileDisk, file: u64, fault: Option<Fault>) -> Result<(), Errno> {
    match fault {
        Some(Fault::FailedSync(_, error)) => {
            disk.fail_sync(file, false);
            Err(error)
        }
        Some(Fault::FailedSyncShown(_, error)) => {
            disk.fail_sync(file, true);
            Err(error)
        }
        _ => {
            disk.sync(file);
            Ok(())
        }
    }
}

fn done(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.0.look(|image| {
            let file = image.lookup(&text(name)).ok_or(Errno::NoEntry)?;
            attributes(image, file)
        });
        match found {
            Ok(attributes) => reply.entry(&NO_TIME, &attributes, Generation(0)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn getattr(&self, _: &Request, file: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(file.0) {
            Ok(attributes) => reply.attr(&NO_TIME, &attributes),
            Err(error) => reply.error(errno(error)),
        }
    }

    /// Only the length is kept; modes and times play no part here.
    fn setattr(
        &self,
        _: &Request,
        file: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size {
            let cut = self.0.change(Kind::Write, |disk, _| {
                disk.set_length(file.0, place(size));
                Ok(())
            });
            if let Err(error) = cut {
                reply.error(errno(error));
                return;
            }
        }
        match self.attributes(file.0) {
            Ok(attributes) => reply.attr(&NO_TIME, &attributes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Past the page cache, so that each write of the signer is one operation here.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn create(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let created = self.0.change(Kind::Names, |disk, _| {
            let file = disk.create(&text(name))?;
            attributes(disk.current(), file)
        });
        match created {
            Ok(attributes) => reply.created(
                &NO_TIME,
                &attributes,
                Generation(0),
                FileHandle(0),
                FopenFlags::FOPEN_DIRECT_IO,
            ),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn read(
        &self,
        _: &Request,
        file: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.0.look(|image| {
            let content = image.content(file.0).ok_or(Errno::NoEntry)?;
            let from = place(offset).min(content.len());
            let to = from.saturating_add(place(size.into())).min(content.len());
            Ok(content.get(from..to).unwrap_or_default().to_vec())
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        file: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.0.change(Kind::Write, |disk, fault| {
            write(disk, file.0, offset, data, fault)
        });
        match written {
            Ok(count) => reply.written(u32::try_from(count).unwrap_or_default()),
            Err(error) => reply.error(errno(error)),
        }
    }

    /// Called by `close`, and keeps nothing: a close is no sync.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, file: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self
            .0
            .change(Kind::Sync, |disk, fault| sync(disk, file.0, fault));
        done(reply, synced);
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.0.change(Kind::Names, |disk, _| {
            disk.sync_directory();
            Ok(())
        });
        done(reply, synced);
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let keeps_target = flags.contains(RenameFlags::RENAME_NOREPLACE);
        let renamed = self.0.change(Kind::Names, |disk, _| {
            disk.rename(&text(name), &text(new_name), keeps_target)
        });
        done(reply, renamed);
    }

    fn link(&self, _: &Request, file: INodeNo, _: INodeNo, new_name: &OsStr, reply: ReplyEntry) {
        let linked = self.0.change(Kind::Names, |disk, _| {
            disk.link(file.0, &text(new_name))?;
            attributes(disk.current(), file.0)
        });
        match linked {
            Ok(attributes) => reply.entry(&NO_TIME, &attributes, Generation(0)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let unlinked = self
            .0
            .change(Kind::Names, |disk, _| disk.unlink(&text(name)));
        done(reply, unlinked);
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.0.look(|image| {
            let names: Vec<(String, u64)> = image
                .names()
                .map(|(name, file)| (name.to_owned(), file))
                .collect();
            Ok(names)
        });
        let names = match listed {
            Ok(names) => names,
            Err(error) => {
                reply.error(errno(error));
                return;
            }
        };
        for (index, (name, file)) in (1_u64..).zip(names).skip(place(offset)) {
            if reply.add(INodeNo(file), index, FileType::RegularFile, &name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 19, 1 << 19, 1 << 16, 1 << 15, 4096, 255, 4096);
    }
}

"""The process of `tests.support.fault_fs`: a FUSE file system over a folder, with faults on demand.

Run as ``fault_fs_server.py BACKING MOUNT OPTIONS``. Commands come on standard input, one JSON document a line, answers
go to standard output; the first line says that the mount answers. When standard input ends, it unmounts itself.
"""

from __future__ import annotations

import ctypes
import errno
import fnmatch
import json
import os
import pickle
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import mfusepy

BLOCK = 4096
EVERY = "any"
HIDDEN = ".fuse_hidden"
"""The name under which the library keeps a file that was removed while it is open; nobody is to see it."""


@dataclass
class _Failing:
    operation: str
    number: int
    errno: int
    pattern: str
    is_for_good: bool
    seen: int = 0

    def hits(self, operation: str, path: str) -> bool:
        if self.operation not in (operation, EVERY) or not fnmatch.fnmatch(path, self.pattern):
            return False
        self.seen += 1
        return self.seen == self.number or (self.is_for_good and self.seen > self.number)


@dataclass
class _Lie:
    pattern: str
    offset: int
    after_reads: int | None
    after_opens: int | None
    reads: int = 0
    opens: int = 0
    descriptors: set[int] = field(default_factory=set)
    """Open files that hear the lie."""


class Faults:
    """The faults to make, and the number of requests for each operation."""

    COMMANDS = ("heal", "counts", "met", "fail", "unreadable", "lie", "slow", "claim_free", "waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._healed = threading.Event()
        self._waiting = 0
        self.heal()

    def heal(self) -> None:
        with self._lock:
            self._failing: list[_Failing] = []
            self._unreadable: list[tuple[str, int, int]] = []
            self._lies: list[_Lie] = []
            self._slow: list[tuple[str, str, float]] = []
            self._counts: Counter[str] = Counter()
            self._met: list[str] = []
            self.free_bytes: int | None = None
            self._healed.set()
            self._healed = threading.Event()

    def waiting(self) -> int:
        with self._lock:
            return self._waiting

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def met(self) -> list[str]:
        with self._lock:
            return list(self._met)

    def fail(self, operation: str, number: int, errno: int, pattern: str, is_for_good: bool) -> None:
        with self._lock:
            self._failing.append(_Failing(operation, number, errno, pattern, is_for_good))

    def unreadable(self, pattern: str, begin: int, end: int) -> None:
        with self._lock:
            self._unreadable.append((pattern, begin, end))

    def lie(self, pattern: str, offset: int, after_reads: int | None, after_opens: int | None) -> None:
        with self._lock:
            self._lies.append(_Lie(pattern, offset, after_reads, after_opens))

    def slow(self, operation: str, seconds: float, pattern: str) -> None:
        with self._lock:
            self._slow.append((operation, pattern, seconds))

    def claim_free(self, free_bytes: int) -> None:
        with self._lock:
            self.free_bytes = free_bytes

    def meet(self, operation: str, path: str) -> None:
        """Called before each operation: waits, or raises what is to go wrong with it."""
        with self._lock:
            self._counts[operation] += 1
            hits = [each for each in self._failing if each.hits(operation, path)]
            matching = [s for o, p, s in self._slow if o in (operation, EVERY) and fnmatch.fnmatch(path, p)]
            healed = self._healed
            if hits:
                self._met.append(path)
        if matching:
            with self._lock:
                self._waiting += 1
            healed.wait(max(matching))
            with self._lock:
                self._waiting -= 1
        if hits:
            raise OSError(hits[0].errno, os.strerror(hits[0].errno))

    def opened(self, path: str, descriptor: int) -> None:
        with self._lock:
            for lie in self._lies:
                lie.descriptors.discard(descriptor)
                if lie.after_opens is not None and fnmatch.fnmatch(path, lie.pattern):
                    lie.opens += 1
                    if lie.opens > lie.after_opens:
                        lie.descriptors.add(descriptor)

    def seen(self, path: str, offset: int, content: bytes, descriptor: int) -> bytes:
        """The bytes that are read in place of ``content``."""
        with self._lock:
            end = offset + len(content)
            for pattern, first, last in self._unreadable:
                if fnmatch.fnmatch(path, pattern) and offset < last and first < end:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            for lie in self._lies:
                if not (fnmatch.fnmatch(path, lie.pattern) and offset <= lie.offset < end):
                    continue
                lie.reads += 1
                if descriptor in lie.descriptors or (lie.after_reads is not None and lie.reads > lie.after_reads):
                    at = lie.offset - offset
                    content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            return content


@dataclass
class _Open:
    descriptor: int
    node: int
    path: str


class _Unsynced:
    """Bytes that were written to files and not synced: a device that refuses a sync has lost it, as Linux drops such pages."""

    def __init__(self) -> None:
        self._places: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)

    def written(self, node: int, offset: int, size: int) -> None:
        self._places[node].append((offset, size))

    def synced(self, node: int) -> None:
        self._places.pop(node, None)

    def lose(self, node: int, descriptor: int) -> None:
        """Zeros take the place of the bytes; the file stays as long as it was."""
        lost = self._places.pop(node, [])
        writable = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
        for offset, size in lost:
            os.pwrite(writable, bytes(min(size, max(0, os.fstat(writable).st_size - offset))), offset)
        os.close(writable)


class _Wrapping:
    """A device that says it is larger than it is: what goes beyond its end overwrites its beginning."""

    def __init__(self, capacity_bytes: int) -> None:
        self._device = bytearray(max(1, capacity_bytes // BLOCK) * BLOCK)
        self._places: dict[tuple[int, int], int] = {}

    def write(self, node: int, content: bytes, offset: int) -> None:
        for at, begin, end in self._blocks(node, offset, len(content), make=True):
            self._device[at : at + end - begin] = content[begin:end]

    def read(self, node: int, size: int, offset: int) -> bytes:
        content = bytearray(size)
        for at, begin, end in self._blocks(node, offset, size, make=False):
            content[begin:end] = self._device[at : at + end - begin]
        return bytes(content)

    def _blocks(self, node: int, offset: int, size: int, *, make: bool) -> list[tuple[int, int, int]]:
        """Places on the device, with the part of the content that belongs to each."""
        found, done = [], 0
        while done < size:
            number, within = divmod(offset + done, BLOCK)
            length = min(BLOCK - within, size - done)
            place = self._places.get((node, number))
            if place is None and make:
                place = self._places[node, number] = len(self._places) * BLOCK % len(self._device)
            if place is not None:
                found.append((place + within, done, done + length))
            done += length
        return found


class PassThrough(mfusepy.Operations):
    """Hands every operation to the folder, after the faults for it."""

    use_ns = True

    def __init__(self, backing: str, faults: Faults, options: dict[str, Any], is_ready: Callable[[], None]) -> None:
        self._backing = backing
        self._faults = faults
        self._is_ready = is_ready
        self._lock = threading.RLock()
        self._journal: BinaryIO | None = open(options["journal"], "ab", 0) if options["journal"] else None  # noqa: SIM115
        self._is_direct = options["direct_io"]
        self._has_links = options["has_links"]
        self._nodes = {"/": 0}
        self._next_node = 1
        self._open: dict[int, _Open] = {}
        self._unsynced = _Unsynced()
        self._wrapping = _Wrapping(options["wraps_at"]) if options["wraps_at"] else None
        assert not (self._wrapping and os.listdir(backing)), "a device that wraps must begin empty"
        self._take_in("/")

    def _take_in(self, folder: str) -> None:
        """Files that are there already are on the device."""
        for name in sorted(os.listdir(self._real(folder))):
            path = os.path.join(folder, name)
            real = self._real(path)
            if os.path.islink(real):
                self._made(path, os.readlink(real))
            elif os.path.isdir(real):
                self._made(path, "folder")
                self._take_in(path)
            else:
                node = self._made(path, "file")
                if self._journal:
                    with open(real, "rb") as file:
                        self._record("write", node, 0, file.read())
                    self._record("sync", node)
        self._record("sync", self._nodes[folder])

    # Names: their folders, and the nodes that they refer to.

    def _real(self, path: str) -> str:
        return self._backing + path

    def _record(self, *record: object) -> None:
        if self._journal:
            self._journal.write(pickle.dumps(record))

    def _made(self, path: str, target: str) -> int:
        node = self._nodes[path] = self._next_node
        self._next_node += 1
        self._record("make", self._nodes[os.path.dirname(path)], os.path.basename(path), node, target)
        return node

    def _removed(self, path: str) -> None:
        del self._nodes[path]
        self._record("remove", self._nodes[os.path.dirname(path)], os.path.basename(path))

    # Operations on names.

    def init_with_config(self, conn_info: Any, config_3: Any) -> None:
        config_3.entry_timeout = config_3.attr_timeout = config_3.negative_timeout = 0.0
        self._is_ready()

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        self._faults.meet("getattr", path)
        found = os.fstat(self._open[fh.fh].descriptor) if fh else os.lstat(self._real(path))
        names = ("mode", "nlink", "uid", "gid", "size", "ino", "blocks")
        times = {f"st_{name}": getattr(found, f"st_{name}_ns") for name in ("atime", "mtime", "ctime")}
        return {f"st_{name}": getattr(found, f"st_{name}") for name in names} | times

    def statfs(self, path: str) -> dict[str, int]:
        self._faults.meet("statfs", path)
        found = os.statvfs(self._real(path))
        names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "namemax")
        state = {f"f_{name}": getattr(found, f"f_{name}") for name in names}
        if self._faults.free_bytes is not None:
            state["f_bavail"] = state["f_bfree"] = self._faults.free_bytes // found.f_frsize
        return state

    def opendir(self, path: str) -> int:
        self._faults.meet("opendir", path)
        return self._nodes[path]

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        self._faults.meet("readdir", path)
        with os.scandir(self._real(path)) as found:
            inodes = {each.name: each.inode() for each in found if not each.name.startswith(HIDDEN)}
        # An entry without a number does not exist for the C library.
        return [(name, {"st_ino": inode}, 0) for name, inode in {".": 1, "..": 1, **inodes}.items()]

    def releasedir(self, path: str, fh: int) -> int:
        return 0

    def readlink(self, path: str) -> str:
        return os.readlink(self._real(path))

    def symlink(self, target: str, source: str) -> int:
        self._faults.meet("symlink", target)
        with self._lock:
            os.symlink(source, self._real(target))
            self._made(target, source)
        return 0

    def link(self, target: str, source: str) -> int:
        self._faults.meet("link", target)
        if not self._has_links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        with self._lock:
            os.link(self._real(source), self._real(target))
            node = self._nodes[target] = self._nodes[source]
            self._record("link", self._nodes[os.path.dirname(target)], os.path.basename(target), node)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._faults.meet("mkdir", path)
        with self._lock:
            os.mkdir(self._real(path), mode)
            self._made(path, "folder")
        return 0

    def rmdir(self, path: str) -> int:
        self._faults.meet("rmdir", path)
        with self._lock:
            os.rmdir(self._real(path))
            self._removed(path)
        return 0

    def unlink(self, path: str) -> int:
        if os.path.basename(path).startswith(HIDDEN):  # the last who had it open has closed it
            os.unlink(self._real(path))
            return 0
        self._faults.meet("unlink", path)
        with self._lock:
            os.unlink(self._real(path))
            self._removed(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        if os.path.basename(new).startswith(HIDDEN):
            self._faults.meet("unlink", old)
            with self._lock:
                os.rename(self._real(old), self._real(new))
                self._removed(old)
            return 0
        self._faults.meet("rename", new)
        with self._lock:
            os.rename(self._real(old), self._real(new))
            moved = {path: node for path, node in self._nodes.items() if path == old or path.startswith(f"{old}/")}
            for path in moved:
                del self._nodes[path]
            self._nodes |= {new + path[len(old) :]: node for path, node in moved.items()}
            for file in self._open.values():
                if file.path == old or file.path.startswith(f"{old}/"):
                    file.path = new + file.path[len(old) :]
            folders = self._nodes[os.path.dirname(old)], self._nodes[os.path.dirname(new)]
            names = os.path.basename(old), os.path.basename(new)
            self._record("rename", folders[0], names[0], folders[1], names[1], moved[old])
        return 0

    def chmod(self, path: str, mode: int) -> int:
        self._faults.meet("chmod", path)
        os.chmod(self._real(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        self._faults.meet("chown", path)
        os.chown(self._real(path), uid, gid)
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        os.utime(self._real(path), ns=times)
        return 0

    # Operations on files.

    def create(self, path: str, mode: int, fi: Any) -> int:
        self._faults.meet("create", path)
        with self._lock:
            descriptor = os.open(self._real(path), fi.flags & ~os.O_NOFOLLOW | os.O_CREAT, mode)
            self._made(path, "file")
            self._begin(path, descriptor, fi)
        return 0

    def open(self, path: str, fi: Any) -> int:
        self._faults.meet("open", path)
        with self._lock:
            descriptor = os.open(self._real(path), fi.flags & ~(os.O_NOFOLLOW | os.O_APPEND | os.O_DIRECT))
            self._begin(path, descriptor, fi)
            if fi.flags & os.O_TRUNC:
                self._record("truncate", self._nodes[path], 0)
        return 0

    def _begin(self, path: str, descriptor: int, fi: Any) -> None:
        self._faults.opened(path, descriptor)
        self._open[descriptor] = _Open(descriptor, self._nodes[path], path)
        fi.fh, fi.direct_io = descriptor, self._is_direct

    def read(self, path: str, size: int, offset: int, fi: Any) -> bytes:
        file = self._open[fi.fh]
        self._faults.meet("read", file.path)
        content = os.pread(file.descriptor, size, offset)
        if self._wrapping:
            content = self._wrapping.read(file.node, len(content), offset)
        return self._faults.seen(file.path, offset, content, file.descriptor)

    def write(self, path: str, data: bytes, offset: int, fi: Any) -> int:
        file = self._open[fi.fh]
        self._faults.meet("write", file.path)
        with self._lock:
            written = os.pwrite(file.descriptor, data, offset)
            if self._wrapping:
                self._wrapping.write(file.node, data[:written], offset)
            self._unsynced.written(file.node, offset, written)
            self._record("write", file.node, offset, data[:written])
        return written

    def truncate(self, path: str, length: int, fh: Any = None) -> int:
        file = self._open[fh.fh] if fh else None
        self._faults.meet("truncate", path)
        with self._lock:
            os.truncate(file.descriptor if file else self._real(path), length)
            self._record("truncate", file.node if file else self._nodes[path], length)
        return 0

    def fallocate(self, path: str, mode: int, offset: int, size: int, fi: Any) -> int:
        file = self._open[fi.fh]
        self._faults.meet("fallocate", file.path)
        libc = ctypes.CDLL(None, use_errno=True)
        with self._lock:
            before = os.fstat(file.descriptor).st_size
            if libc.fallocate(file.descriptor, mode, ctypes.c_longlong(offset), ctypes.c_longlong(size)):
                raise OSError(ctypes.get_errno(), "")
            if mode & 0x02:  # a hole
                self._record("write", file.node, offset, bytes(max(0, min(size, before - offset))))
            elif not mode & 0x01 and offset + size > before:
                self._record("truncate", file.node, offset + size)
        return 0

    def flush(self, path: str, fi: Any) -> int:
        self._faults.meet("flush", self._open[fi.fh].path)
        return 0

    def release(self, path: str, fi: Any) -> int:
        with self._lock:
            file = self._open.pop(fi.fh)
            os.close(file.descriptor)
        self._faults.meet("release", file.path)
        return 0

    def fsync(self, path: str, datasync: int, fi: Any) -> int:
        file = self._open[fi.fh]
        with self._lock:
            try:
                self._sync("fdatasync" if datasync else "fsync", file.path, file.node)
            except OSError:
                self._unsynced.lose(file.node, file.descriptor)
                raise
            self._unsynced.synced(file.node)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        self._sync("fsyncdir", path, fh)
        return 0

    def _sync(self, operation: str, path: str, node: int) -> None:
        with self._lock:
            try:
                self._faults.meet(operation, path)
            except OSError:
                self._record("lost", node)
                raise
            self._record("sync", node)


def serve(commands: Faults, mount: str, answers: BinaryIO) -> None:
    """Does what comes on standard input, until that ends."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        assert name in Faults.COMMANDS
        answers.write(json.dumps(getattr(commands, name)(**arguments)).encode() + b"\n")
        answers.flush()
    commands.heal()
    subprocess.run(["fusermount3", "-u", "-z", "-q", mount], check=False)


def main() -> None:
    backing, mount, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    answers = os.fdopen(os.dup(1), "wb")
    faults = Faults()

    def is_ready() -> None:
        answers.write(b'"ready"\n')
        answers.flush()

    os.umask(0)
    operations = PassThrough(backing, faults, options, is_ready)
    threading.Thread(target=serve, args=(faults, mount, answers), daemon=True).start()
    mfusepy.FUSE(operations, mount, raw_fi=True, foreground=True, fsname="fault_fs", use_ino=True)


if __name__ == "__main__":
    main()

"""``bundler import``: opened → selected → judged → named → surveyed → proved → sent → published → receipt.

One failed image does not stop the others, unless the user asked for that. Nothing is sent before the signature is
trusted. No tag moves before all blobs of its image are verified and sent. The bundle is read once for all targets.

Each stage is a frozen value; one function makes it from the one before. An error that ends an import early is part of
the value, so that the receipt also lists what was done until then. So is a bug of ours: it is raised after the receipt
is written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bundler import texts
from bundler.bundle.check_around_blobs import check_around_blobs
from bundler.bundle.findings import Finding, check_files
from bundler.bundle.signing import PrivateKey
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.preheat import Preheated
from bundler.errors import Bug, BundlerError, LocalStorage, Misuse
from bundler.importing.judged import judge
from bundler.importing.leg import Leg, as_end
from bundler.importing.named import name
from bundler.importing.opened import Opened, opened
from bundler.importing.preheated import preheat
from bundler.importing.proved import prove
from bundler.importing.published import publish
from bundler.importing.receipt_file import ReceiptFile, check_place
from bundler.importing.recorder import NOT_RECORDED, Recorder, with_failed_list
from bundler.importing.repairable import with_repairable
from bundler.importing.request import ImportRequest
from bundler.importing.results import ImportResult
from bundler.importing.scanned import refused_by, scanned
from bundler.importing.selected import select
from bundler.importing.sent import Sent, send
from bundler.importing.series import checked_series
from bundler.importing.staged import find_staged, planned_publication
from bundler.importing.surveyed import Surveyed, plan, survey
from bundler.importing.targets import open_target, refuse_impossible
from bundler.importing.targets.target import Target
from bundler.run import Run

if TYPE_CHECKING:
    from bundler.bundle.needed import Lacking
    from bundler.core.policy import PolicyVerdict
    from bundler.core.scan import GateResult


def import_bundle(request: ImportRequest, run: Run | None = None) -> ImportResult:
    """Imports the images of a bundle into one or more targets.

    Args:
        request: The bundle, its images, the targets, the rules, and the receipt. No receipt is written for a dry
            run, for an invalid request, and for a bundle that cannot be opened or is not trusted.
        run: Receives progress and can be stopped; None for a silent run.

    Returns:
        The outcome of each image at each target, and the path of the receipt. See ``exit_code`` for failed images.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: The bundle cannot be opened, names collide, or the file of the receipt
            or of the need-list exists; nothing was sent.
        Refused: Tags at the target point to other images and may not move; nothing was sent.
        LocalStorage: The receipt cannot be written; nothing was sent. If only the final receipt cannot be written, this
            is the ``error`` of the result.
        Unavailable: A target does not answer at all.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    wanted, need_key = request.receipt, _need_key(request, run)
    if wanted is None or request.is_dry_run:
        result = _imported(request, run, need_key)
        if result.error is not None:
            raise _raisable(result.error)
        return result
    key = wanted.key.load(run.listener)
    check_place(wanted.path)
    started = wanted.now()
    with ReceiptFile(wanted.path, key, run.listener) as file:
        recorder = Recorder(file, request, wanted, started)
        try:
            result = _imported(request, run, need_key, recorder)
        except (Exception, KeyboardInterrupt):
            run.cancellation.set()
            raise
        return _recorded(result, recorder, run)


def _need_key(request: ImportRequest, run: Run) -> PrivateKey | None:
    """The key that signs the need-list, whose place is checked; None if none is asked for, or none signs it."""
    if request.need is None:
        return None
    from bundler.importing.need_file import check_need

    return check_need(request.need, run.listener)


def _recorded(result: ImportResult, recorder: Recorder, run: Run) -> ImportResult:
    """Writes the receipt, after a complete import and after an error."""
    if result.error is None:
        try:
            result = recorder.finished(result)
            return with_failed_list(result)
        except LocalStorage as unwritten:
            return replace(result, error=unwritten)
    run.cancellation.set()
    if isinstance(result.error, Misuse):
        recorder.file.discard()
        raise result.error
    try:
        receipt = with_failed_list(recorder.finished(result)).receipt
        run.listener(Noticed(texts.text("receipt: {receipt}", receipt=receipt)))
    except LocalStorage as unwritten:
        run.listener(Noticed(texts.text("the receipt could not be written: {unwritten}", unwritten=unwritten)))
    raise _raisable(result.error)


def _raisable(error: BundlerError) -> Exception:
    """The error itself; for a bug its exception, with the place where it was raised."""
    return error.exception if isinstance(error, Bug) else error


@frozen
class _Reached:
    """The progress of an import."""

    findings: tuple[Finding, ...] = ()
    verdicts: tuple[PolicyVerdict, ...] = ()
    scans: tuple[GateResult, ...] = ()
    legs: tuple[Leg, ...] = ()
    ended: BundlerError | None = None
    overridden: tuple[str, ...] = ()
    series_remarks: tuple[str, ...] = ()
    lacking: Lacking | None = None
    preheats: tuple[Preheated, ...] = ()

    def result(self, opened: Opened) -> ImportResult:
        """The result for the caller."""
        return ImportResult(
            bundle=opened.bundle,
            targets=tuple(leg.result for leg in self.legs),
            findings=self.findings,
            verdicts=self.verdicts,
            scans=self.scans,
            is_dry_run=opened.request.is_dry_run,
            litter=opened.litter,
            error=self.ended,
            overridden=self.overridden,
            series_remarks=self.series_remarks,
            preheats=self.preheats,
            shard=opened.request.shard,
        )


def _imported(
    request: ImportRequest, run: Run, need_key: PrivateKey | None, recorder: Recorder | None = None
) -> ImportResult:
    """Imports, without the receipt at the end.

    Args:
        request: The request.
        run: The run.
        need_key: The key that signs the need-list, if one is asked for and to be signed.
        recorder: Writes an unfinished receipt before anything is sent; None for no receipt.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete, Interrupted: The bundle cannot be opened. A later error is the
            ``error`` of the result.
    """
    refuse_impossible(request)
    if request.dask:
        from bundler.importing.sent_by_workers import refuse_undivided

        refuse_undivided(request)
    open_ = opened(request, run)
    targets = tuple(open_target(location, open_) for location in request.targets)
    try:
        reached = _with_files_checked(_journey(open_, targets, recorder), open_)
    finally:
        for target in targets:
            target.close()
        open_.bundle.close()
    result = reached.result(open_)
    if open_.media is None:  # else the chunks and their parity are not here together
        result = with_repairable(result, run)
    if request.need is None:
        return result
    from bundler.importing.needed import with_need

    return with_need(result, request.need, need_key, run, reached.lacking or _lacking_at_targets(result, open_))


def _lacking_at_targets(result: ImportResult, opened: Opened) -> Lacking | None:
    """The blobs of bases that targets lack, if media were to be changed and the import ended before: others may come.

    None if all media of the bundle are here, so that what is missing there is missing.
    """
    if opened.media is None:
        return None
    from bundler.bundle.needed import Lacking

    return Lacking(blobs=tuple(sorted({number for target in result.targets for number in target.lacking})))


def _with_files_checked(reached: _Reached, opened: Opened) -> _Reached:
    """Adds the findings of the last check: only now it is known which copies were needed."""
    if opened.media is not None:
        return reached  # each medium was checked before it could be taken out
    try:
        return replace(reached, findings=(*reached.findings, *check_files(opened.bundle)))
    except (Exception, KeyboardInterrupt) as error:  # tags have moved: the receipt must list them
        return replace(reached, ended=reached.ended or as_end(error))


def _sent(surveyed: Surveyed) -> Sent:
    """Sends, or lets workers send; or finds what shards have sent before."""
    request = surveyed.opened.request
    if request.is_publishing:
        return find_staged(surveyed)
    if not request.dask:
        return send(surveyed)
    from bundler.importing.sent_by_workers import send_by_workers

    return send_by_workers(surveyed)


def _journey(opened: Opened, targets: tuple[Target, ...], recorder: Recorder | None) -> _Reached:
    reached = _Reached()
    try:
        reached = _Reached(scans=scanned(opened))
        refused = refused_by(reached.scans)
        if refused is not None:
            return replace(reached, ended=refused)
        if opened.media is None:
            findings = check_around_blobs(opened.bundle, lambda _: opened.run.cancellation.check())
            reached = replace(reached, findings=tuple(findings))
        else:
            from bundler.importing.changed import publish_in_turns, remember_documents

            remember_documents(opened, targets)
        with checked_series(opened) as series:
            reached = replace(reached, overridden=series.overridden, series_remarks=series.remarks)
            judged = judge(select(opened, targets))
            reached = replace(reached, verdicts=judged.verdicts)
            surveyed = survey(name(judged, targets))
            if not opened.request.is_publishing:
                surveyed = prove(surveyed)
            if opened.request.is_dry_run and surveyed.ended is None:
                surveyed = planned_publication(surveyed) if opened.request.is_publishing else plan(surveyed)
            reached = replace(reached, legs=surveyed.legs, ended=surveyed.ended)
            if opened.request.is_dry_run or surveyed.ended is not None:
                return reached
            tags = recorder.begin(reached.result(opened)) if recorder else NOT_RECORDED
            if opened.media is None:
                series.begin(leg.target.name for leg in surveyed.legs if leg.target.tags_while_sending)
                sent = _sent(surveyed)
                series.begin(leg.target.name for leg in surveyed.legs)
                published = publish(sent, tags)
            else:
                series.begin(leg.target.name for leg in surveyed.legs)
                changed = publish_in_turns(surveyed, tags)
                published = changed.published
                reached = replace(reached, findings=changed.findings, lacking=changed.lacking)
            reached = replace(reached, legs=published.legs, ended=published.ended)
            if reached.ended is None:
                series.accept([leg.result for leg in reached.legs])
        if reached.ended is None:
            reached = replace(reached, preheats=preheat(opened, reached.legs))
    except (Exception, KeyboardInterrupt) as error:
        return replace(reached, ended=reached.ended or as_end(error))
    return reached

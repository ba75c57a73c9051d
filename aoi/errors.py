"""The error tree. The class is the retry policy: stages retry `Transient`, and stop at `Permanent`.

AoiError
|- Permanent                 trying again cannot help; the message ends with what to do
|  |- SettingsError          a setting or an AOI_ variable is wrong or misspelt
|  |  `- RightsMissing       the identity can look at none of the namespaces
|  |- ClusterRefused         the server is not the one that is trusted, or lets nobody ask what an identity may do
|  |- UnknownProblem         no such problem id
|  |- UnknownInjection       no such injection in the set
|  |- UnknownBundle          no such bundle, version or alias
|  |- UnknownCluster         no cluster is registered under that name
|  |- UnknownSubmission      no diagnosis was submitted under that id
|  |- UnknownAction          no change of a cluster was proposed under that id
|  |- UnknownNamespace       the cluster has no such namespace
|  |- AlertUnreadable        what was given as alerts is none, or nothing of it fires
|  |  `- NothingFires        it is one, and nothing of it fires
|  |- RecordingUnreadable    what was given as a recording of a cluster is none, or was altered
|  |- CorruptObject          stored bytes do not match their digest
|  |  |- UnknownObject       the store has no object of that name
|  |  `- PurgedObject        they were taken out on purpose, since they held a secret
|  |- ContractViolation      a data contract refused a whole batch
|  |- StoreNotWritable       the store's folder or bucket refuses writes
|  |- StoreNotReadable       the store's folder or bucket refuses reads
|  |- TokenRefused           no token, or one that opens nothing
|  |- RoleRefused            a token whose role does not allow it
|  |- CommandRefused         the kubectl-syntax parser refused a line (deny by default)
|  |- ActionRefused          a typed action is outside its bounds, or its diff is
|  |- ApprovalRefused        approval missing, stale, expired, revoked, reused or for another change
|  |- FeedbackRefused        what was said of an answer says nothing, or contradicts itself
|  |- GateRefused            a promotion was asked for without the verdict or the approval it needs
|  |- LedgerConflict         compare-and-swap lost: the champion moved meanwhile
|  |- ChainBroken            the ledger's hash chain does not verify
|  `- IdentityMismatch       the adapter that answers is not the adapter that was asked for
`- Transient                 may work later; `retry_in_s` says when
   |- RegistryUnavailable    MLflow does not answer
   |- ServerUnavailable      the model server does not answer
   |- ClusterUnavailable     the Kubernetes API does not answer
   |- QueueFull              as many diagnoses wait as may, or the server is about to end
   |- StoreUnavailable       the store's bucket or network folder does not answer, or asks for patience
   |- DatabaseUnavailable    the database went away, is starting, or is kept busy by another writer
   `- StageBusy              another run holds this stage, or took it over
"""


class AoiError(Exception):
    """Root of every error AOI raises on purpose. Shown to users without a traceback."""


class Permanent(AoiError):
    """Trying again cannot help."""


class Transient(AoiError):
    """May work later."""

    def __init__(self, message: str, retry_in_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_in_s = retry_in_s


class SettingsError(Permanent):
    """A setting or an `AOI_` variable is wrong or misspelt."""


class RightsMissing(SettingsError):
    """The identity of a kubeconfig lacks what it needs in each namespace that it is to look at."""


class ClusterRefused(Permanent):
    """A cluster cannot be used with this kubeconfig: another server answers, or none that tells what may be done."""


class UnknownProblem(Permanent):
    """No problem of that id is in the catalogue."""


class UnknownInjection(Permanent):
    """No injection of that id is in the set."""


class UnknownBundle(Permanent):
    """No such bundle, registered version or alias."""


class UnknownCluster(Permanent):
    """No cluster is registered under that name."""


class UnknownSubmission(Permanent):
    """No diagnosis was submitted under that id."""


class UnknownAction(Permanent):
    """No change of a cluster was proposed under that id."""


class UnknownNamespace(Permanent):
    """The cluster has no namespace of that name."""


class AlertUnreadable(Permanent):
    """What was given as the body of an Alertmanager's webhook is none, or holds nothing that fires."""


class NothingFires(AlertUnreadable):
    """The body of an Alertmanager's webhook holds nothing that fires."""


class RecordingUnreadable(Permanent):
    """What was given as a recording of a cluster is none, is cut or altered, or is of a version that is not read."""


class CorruptObject(Permanent):
    """Stored bytes do not match their digest."""


class UnknownObject(CorruptObject):
    """The store has no object of that name."""


class PurgedObject(CorruptObject):
    """An object was taken out on purpose, since it held a secret."""


class ReplayDiffers(Permanent):
    """A world that was rebuilt is not the one in which an episode was collected."""


class ContractViolation(Permanent):
    """A data contract refused a whole batch."""


class StoreNotWritable(Permanent):
    """The store refuses writes."""


class StoreNotReadable(Permanent):
    """The store's folder or bucket refuses reads."""


class TokenRefused(Permanent):
    """No token, or one that opens nothing."""


class RoleRefused(Permanent):
    """A token whose role does not allow it."""


class CommandRefused(Permanent):
    """A command line is not one that the Probe may run."""


class ActionRefused(Permanent):
    """A typed action is outside its bounds."""


class ApprovalRefused(Permanent):
    """An approval does not fit the change it is shown for."""


class FeedbackRefused(Permanent):
    """What was said of an answer says nothing that could be kept, or contradicts itself."""


class GateRefused(Permanent):
    """A promotion lacks the verdict or the approval it needs."""


class LedgerConflict(Permanent):
    """The champion moved between reading and swapping."""


class ChainBroken(Permanent):
    """The ledger's hash chain does not verify."""


class IdentityMismatch(Permanent):
    """The adapter that answers is not the adapter that was asked for."""


class RegistryUnavailable(Transient):
    """The model registry does not answer."""


class ServerUnavailable(Transient):
    """The model server does not answer."""


class ClusterUnavailable(Transient):
    """The Kubernetes API does not answer."""


class QueueFull(Transient):
    """As many diagnoses wait as may, or the server is about to end."""

    def __init__(self, message: str, retry_in_s: float = 10.0) -> None:
        super().__init__(message, retry_in_s)


class DatabaseUnavailable(Transient):
    """The database does not answer now: it restarts, refuses one connection more, or another writer is at it."""

    def __init__(self, message: str, retry_in_s: float = 15.0) -> None:
        # A restart of PostgreSQL takes seconds to a minute: two retries at this pace outlast most of them.
        super().__init__(message, retry_in_s)


class StoreUnavailable(Transient):
    """The store does not answer now: its network is down, its server restarts, or it asks for patience."""

    def __init__(self, message: str, retry_in_s: float = 20.0) -> None:
        super().__init__(message, retry_in_s)


class StageBusy(Transient):
    """Another run holds this stage, or has taken it over."""

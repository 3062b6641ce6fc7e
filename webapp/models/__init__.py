"""Tables. One module an aggregate; columns, constraints and the steps of a row's own life."""

from __future__ import annotations

from webapp.models.act_requests import ActRequest
from webapp.models.audit import INSTALLATION_CHAIN, AuditEntry, AuditHead
from webapp.models.backup_sets import BackupItem, BackupSet
from webapp.models.bulk_operations import BulkOperationRun
from webapp.models.installation import Installation
from webapp.models.limits import Limit, LimitScope, UsageSample
from webapp.models.notifications import (
    Alert,
    Channel,
    ChannelMessage,
    MessageState,
    Notification,
)
from webapp.models.people import LinkPurpose, Membership, OneTimeLink, SignInFailure, User
from webapp.models.processes import ProcessSign
from webapp.models.restores import PlanItem, RestorePlan, RestoreRun
from webapp.models.runs import IS_ACTIVE, IS_BULK, IS_RESTORE, Run, RunEvent, RunItem
from webapp.models.schedules import BackupSchedule, BackupScheduleRun, ScheduleTemplate
from webapp.models.sources import Source
from webapp.models.tenants import Tenant, TenantStatus
from webapp.models.vaults import VaultRecord

__all__ = [
    "INSTALLATION_CHAIN",
    "IS_ACTIVE",
    "IS_BULK",
    "IS_RESTORE",
    "ActRequest",
    "Alert",
    "AuditEntry",
    "AuditHead",
    "BackupItem",
    "BackupSchedule",
    "BackupScheduleRun",
    "BackupSet",
    "BulkOperationRun",
    "Channel",
    "ChannelMessage",
    "Installation",
    "Limit",
    "LimitScope",
    "LinkPurpose",
    "Membership",
    "MessageState",
    "Notification",
    "OneTimeLink",
    "PlanItem",
    "ProcessSign",
    "RestorePlan",
    "RestoreRun",
    "Run",
    "RunEvent",
    "RunItem",
    "ScheduleTemplate",
    "SignInFailure",
    "Source",
    "Tenant",
    "TenantStatus",
    "UsageSample",
    "User",
    "VaultRecord",
]

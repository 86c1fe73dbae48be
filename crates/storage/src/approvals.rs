//! Calls that wait for a person's approval, and what was decided about them. There is one row for each
//! call that is bound alike; an approval for once goes with the call that it admits.

use keyway_model::{
    Approval, ApprovalId, ApprovedCall, AskedCall, ConnectorId, Decision, Standing, Timestamp,
    UserId,
};
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    notify::Change,
    rows::{RowName, instant},
    seal::Place,
    transaction::Transaction,
};

/// How many calls of one user wait at a time; beyond, the oldest ones no longer do.
const MOST_WAITING: i64 = 64;

macro_rules! columns {
    () => {
        "id, connector_id, user_id, revision, tool, arguments_hash, descriptor_hash, arguments, \
         arguments_size, decision, created_at, expires_at"
    };
}

const STANDING: &str = "SELECT id, decision, expires_at FROM approvals
    WHERE user_id = $1 AND connector_id = $2 AND revision = $3 AND tool = $4
        AND arguments_hash = $5 AND descriptor_hash = $6";
const ASK: &str = concat!(
    "INSERT INTO approvals (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $10, $11)"
);
const APPROVE_ROUND: &str = concat!(
    "INSERT INTO approvals (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 'once', $9, $10) ON CONFLICT DO NOTHING"
);
const USE_UP: &str = "DELETE FROM approvals WHERE user_id = $1 AND id = $2";
const DROP_OLDEST: &str = "DELETE FROM approvals
    WHERE user_id = $1 AND decision IS NULL AND id NOT IN (
        SELECT id FROM approvals WHERE user_id = $1 AND decision IS NULL 
        ORDER BY created_at DESC, id DESC LIMIT $2)";
const ONE: &str = concat!("SELECT ", columns!(), " FROM approvals WHERE user_id = $1 AND id = $2");
const WAITING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM approvals WHERE user_id = $1 AND decision IS NULL AND expires_at > $2
    ORDER BY created_at, id"
);
const DECIDE: &str = "UPDATE approvals SET decision = $3, expires_at = $4
    WHERE user_id = $1 AND id = $2 AND decision IS NULL AND expires_at > $5";
const DELETE_OVER: &str = "DELETE FROM approvals WHERE expires_at < $1
    OR revision <> (SELECT revision FROM connectors WHERE connectors.id = approvals.connector_id)";

impl Database {
    /// Whether the call was approved. An approval for once is used up by the answer; a call that nobody
    /// decided about waits from now on, and others are told.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn approval_standing(&self, asked: &AskedCall<'_>) -> Result<Standing, Error> {
        let (call, mut transaction) = (asked.call, self.write().await?);
        transaction.hold_connector(&call.user_id, call.connector_id).await?;
        let is_named = |id| asked.named.is_none_or(|named| named == id);
        let lasts = |end: Option<Timestamp>| end.is_none_or(|end| asked.now < end);
        let round = match asked.round {
            Some(round) if !asked.is_held => transaction.decided(round).await?,
            _ => None,
        };
        if let Some((id, Some(Decision::Once), end)) = round
            && is_named(id)
            && lasts(end)
        {
            return transaction.admit_once(&call.user_id, id).await;
        }
        let found = transaction.decided(call).await?;
        match found.filter(|(_, _, end)| lasts(*end)) {
            Some((id, _, _)) if asked.is_held => return Ok(Standing::Waiting(id)),
            Some((_, Some(Decision::Always), _)) => return Ok(Standing::Approved),
            Some((id, Some(Decision::Deny), _)) => return Ok(Standing::Denied(id)),
            Some((id, Some(Decision::Once), _)) if is_named(id) => {
                return transaction.admit_once(&call.user_id, id).await;
            }
            Some((id, _, _)) => return Ok(Standing::Waiting(id)),
            None => {}
        }
        if let Some((id, _, _)) = found {
            transaction.use_up(&call.user_id, id).await?;
        }
        self.ask(&mut transaction, asked).await?;
        transaction.announce_approvals(&call.user_id, call.connector_id);
        transaction.commit().await?;
        Ok(Standing::Waiting(asked.new_id))
    }

    async fn ask(&self, transaction: &mut Transaction, asked: &AskedCall<'_>) -> Result<(), Error> {
        let (call, id) = (asked.call, asked.new_id);
        let user = call.user_id.as_str();
        let sealed = self.seal(place(&id.to_string(), user), asked.arguments);
        dispatch!(execute transaction.statement(), DROP_OLDEST, user, MOST_WAITING - 1)?;
        dispatch!(
            execute transaction.statement(), ASK, id.as_uuid(), call.connector_id.as_uuid(), user,
            call.revision, call.tool.as_str(), call.arguments_hash.as_slice(),
            call.descriptor_hash.as_slice(), sealed, asked.arguments_size, asked.now.as_millis(),
            asked.expires_at.as_millis()
        )?;
        Ok(())
    }

    /// Lets the next round of a call go through that was admitted by the approval for once, until
    /// `expires_at` and once as well. Nothing is done where there is such a one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn approve_round(
        &self,
        id: ApprovalId,
        round: &ApprovedCall,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let user = round.user_id.as_str();
        let sealed = self.seal(place(&id.to_string(), user), &"{}".into());
        dispatch!(
            execute self.writing(), APPROVE_ROUND, id.as_uuid(), round.connector_id.as_uuid(), user,
            round.revision, round.tool.as_str(), round.arguments_hash.as_slice(),
            round.descriptor_hash.as_slice(), sealed, now.as_millis(), expires_at.as_millis()
        )?;
        Ok(())
    }

    /// The user's approval of this id, whatever was decided and whether or not it is over.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn approval(&self, user: &UserId, id: ApprovalId) -> Result<Option<Approval>, Error> {
        let row: Option<Row> =
            dispatch!(fetch_optional self.reading(), ONE, user.as_str(), id.as_uuid())?;
        row.map(|row| self.open_approval(row)).transpose()
    }

    /// The user's calls that wait, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn waiting_approvals(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<Approval>, Error> {
        let rows: Vec<Row> =
            dispatch!(fetch_all self.reading(), WAITING, user.as_str(), now.as_millis())?;
        rows.into_iter().map(|row| self.open_approval(row)).collect()
    }

    /// Writes down what a person decided. `once` holds until `expires_at`, the others as long as the call
    /// is the same. `false`: it was decided before, or is over.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn decide_approval(
        &self,
        approval: &Approval,
        decision: Decision,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let (user, connector) = (&approval.call.user_id, approval.call.connector_id);
        let end = (decision == Decision::Once).then_some(expires_at.as_millis());
        let mut transaction = self.write().await?;
        let decided = dispatch!(
            execute transaction.statement(), DECIDE, user.as_str(), approval.id.as_uuid(),
            decision.as_str(), end, now.as_millis()
        )?;
        transaction.announce_approvals(user, connector);
        transaction.commit().await?;
        Ok(decided > 0)
    }

    /// Deletes the approvals that are over, or whose connector is no longer the same.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_past_approvals(&self, now: Timestamp) -> Result<u64, Error> {
        dispatch!(execute self.writing(), DELETE_OVER, now.as_millis())
    }

    fn open_approval(&self, row: Row) -> Result<Approval, Error> {
        let id = ApprovalId::from_uuid(row.id);
        let key = id.to_string();
        let name = RowName { table: "approvals", row: &key };
        Ok(Approval {
            id,
            arguments: self.open_sealed(place(&key, &row.user_id), &row.arguments)?,
            call: ApprovedCall {
                user_id: name.user("user_id", row.user_id)?,
                connector_id: ConnectorId::from_uuid(row.connector_id),
                revision: row.revision,
                tool: row.tool,
                arguments_hash: row.arguments_hash,
                descriptor_hash: row.descriptor_hash,
            },
            arguments_size: row.arguments_size,
            decision: name.parse_optional("decision", row.decision.as_deref())?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: instant(row.expires_at),
        })
    }
}

impl Transaction {
    /// Lets others know that the user's calls that wait are others.
    pub(crate) fn announce_approvals(&mut self, user: &UserId, connector_id: ConnectorId) {
        self.announce(Change::Approvals { user_id: user.clone(), connector_id });
    }

    async fn decided(
        &mut self,
        call: &ApprovedCall,
    ) -> Result<Option<(ApprovalId, Option<Decision>, Option<Timestamp>)>, Error> {
        let row: Option<(Uuid, Option<String>, Option<i64>)> = dispatch!(
            fetch_optional self.statement(), STANDING, call.user_id.as_str(),
            call.connector_id.as_uuid(), call.revision, call.tool.as_str(),
            call.arguments_hash.as_slice(), call.descriptor_hash.as_slice()
        )?;
        let Some((id, decision, expires_at)) = row else { return Ok(None) };
        let id = ApprovalId::from_uuid(id);
        let key = id.to_string();
        let name = RowName { table: "approvals", row: &key };
        let decision = name.parse_optional("decision", decision.as_deref())?;
        Ok(Some((id, decision, instant(expires_at))))
    }

    async fn admit_once(mut self, user: &UserId, id: ApprovalId) -> Result<Standing, Error> {
        self.use_up(user, id).await?;
        self.commit().await?;
        Ok(Standing::ApprovedOnce(id))
    }

    async fn use_up(&mut self, user: &UserId, id: ApprovalId) -> Result<(), Error> {
        dispatch!(execute self.statement(), USE_UP, user.as_str(), id.as_uuid())?;
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    connector_id: Uuid,
    user_id: String,
    revision: i64,
    tool: String,
    arguments_hash: Vec<u8>,
    descriptor_hash: Vec<u8>,
    arguments: Vec<u8>,
    arguments_size: i64,
    decision: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
}

fn place<'a>(key: &'a str, user: &'a str) -> Place<'a> {
    Place { table: "approvals", column: "arguments", row: key, user }
}

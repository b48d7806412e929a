"""How a survey's emails fared: sent, opened by whatever opened them, confirmed by a person, answered."""

from sqlalchemy import func
from sqlmodel import Session, col, select

from survey_service.errors import NotFound
from survey_service.store.tables.core import Answer, SurveyRow
from survey_service.store.tables.links import Link, LinkOpen, LinkSession


def funnel_of(session: Session, survey: str) -> dict[str, int | str]:
    """Counts over all links of a survey. Raises NotFound.

    `opens` and `opened` are raw: mail filters are in them. `confirmed` counts links by which somebody has acted, and `answered` those
    of them that brought at least one answer; `answers` is how many there were, and `trapped` those that only a machine can have sent.
    """
    if session.get(SurveyRow, survey) is None:
        raise NotFound(f'There is no survey "{survey}".')
    links = select(func.count(), func.count(col(Link.robot_at)), func.count(col(Link.revoked_at))).where(Link.survey == survey)
    sent, robots, revoked = session.exec(links).one()
    opens = select(func.coalesce(func.sum(LinkOpen.opens), 0), func.count(func.distinct(col(LinkOpen.link_id))))
    raw, opened = session.exec(opens.join(Link).where(Link.survey == survey)).one()
    given = select(func.count(func.distinct(col(Link.id))), func.count()).select_from(Link).join(LinkSession)
    given = given.join(Answer, col(Answer.session_id) == col(LinkSession.session_id)).where(
        Link.survey == survey, Answer.state == "current"
    )
    confirmed, _ = session.exec(given).one()
    answered, answers = session.exec(given.where(Answer.kind == "answer")).one()
    _, trapped = session.exec(given.where(Answer.trapped)).one()
    return {
        "survey": survey,
        "sent": sent,
        "opens": int(raw),
        "opened": opened,
        "robots": robots,
        "confirmed": confirmed,
        "answered": answered,
        "answers": answers,
        "trapped": trapped,
        "revoked": revoked,
    }

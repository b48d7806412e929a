"""The funnel of a survey's emails: links sent, opened, confirmed by a person, answered."""

from sqlalchemy import func
from sqlmodel import Session, col, select

from survey_service.errors import NotFound
from survey_service.store.tables.core import Answer, SurveyRow
from survey_service.store.tables.links import Link, LinkOpen, LinkSession


def funnel_of(session: Session, survey: str) -> dict[str, int | str]:
    """Return counts over all links of a survey. Raises NotFound.

    `opens` and `opened` include mail filters. `confirmed` counts links through which a person acted, and `answered` those of them with at
    least one answer. `answers` counts the answers, and `trapped` the answers sent with the honeypot field filled in.
    """
    if session.get(SurveyRow, survey) is None:
        raise NotFound(f'There is no survey "{survey}".')
    links = select(func.count(), func.count(col(Link.robot_at)), func.count(col(Link.revoked_at))).where(Link.survey == survey)
    sent, robots, revoked = session.exec(links).one()
    link_opens = select(func.coalesce(func.sum(LinkOpen.opens), 0), func.count(func.distinct(col(LinkOpen.link_id))))
    opens, opened = session.exec(link_opens.join(Link).where(Link.survey == survey)).one()
    acts = select(func.count(func.distinct(col(Link.id))), func.count()).select_from(Link).join(LinkSession)
    acts = acts.join(Answer, col(Answer.session_id) == col(LinkSession.session_id)).where(Link.survey == survey, Answer.state == "current")
    confirmed, _ = session.exec(acts).one()
    answered, answers = session.exec(acts.where(Answer.kind == "answer")).one()
    _, trapped = session.exec(acts.where(Answer.trapped)).one()
    return {
        "survey": survey,
        "sent": sent,
        "opens": int(opens),
        "opened": opened,
        "robots": robots,
        "confirmed": confirmed,
        "answered": answered,
        "answers": answers,
        "trapped": trapped,
        "revoked": revoked,
    }

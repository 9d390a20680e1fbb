/* vs_conflicts.c - what one http rule may do at once (reference 2.4), and who may delegate. */
#include <validate/vs.h>

#include <validate/names.h>

static const char *answer_of(const struct http_rule *rule)
{
	return rule->redirect ? "redirect" : rule->direct_response ? "directResponse" : NULL;
}

/* Reported at the field that has to go. */
static void refuse(struct check *c, const char *field, enum diag_code code, const char *why,
		   const char *other)
{
	size_t mark = check_field(c, field);

	check_report(c, code, why, field, other);
	check_leave(c, mark);
}

static void check_actions(struct check *c, const struct http_rule *rule)
{
	static const char one[] = "a rule has either %s or %s: keep one, or make two rules";
	static const char alone[] = "%s changes requests that are forwarded, and %s forwards none: "
				    "remove one";
	const char *answer = answer_of(rule);

	if (rule->redirect && rule->direct_response)
		refuse(c, "directResponse", DIAG_VS_ACTIONS, one, "redirect");
	if (!answer)
		return;
	if (rule->n_route)
		refuse(c, "route", DIAG_VS_ACTIONS, one, answer);
	if (rule->fault)
		refuse(c, "fault", DIAG_VS_ACTION_ALONE, alone, answer);
	if (rule->rewrite)
		refuse(c, "rewrite", DIAG_VS_ACTION_ALONE, alone, answer);
}

/* ---- delegates (reference 2.4.11) ---- */

static void check_delegate_name(struct check *c, const struct http_delegate *d)
{
	size_t outer = check_field(c, "delegate"), mark = check_field(c, "name");

	if (!d->name || !*d->name)
		check_report(c, DIAG_VS_DELEGATE_NAME,
			     "a delegate needs the name of a VirtualService");
	else if (!name_is_dns_subdomain(d->name))
		check_report(c, DIAG_VS_DELEGATE_NAME, "\"%s\" is no name of a VirtualService",
			     d->name);
	check_leave(c, mark);
	mark = check_field(c, "namespace");
	if (d->ns && *d->ns && !name_is_dns_label(d->ns))
		check_report(c, DIAG_VS_DELEGATE_NAME, "\"%s\" is no namespace", d->ns);
	check_leave(c, mark);
	check_leave(c, outer);
}

static void check_delegate(struct check *c, const struct http_rule *rule)
{
	static const char why[] = "%s is for the delegate's own rules to say: remove it, or %s";

	if (rule->n_route)
		refuse(c, "route", DIAG_VS_DELEGATE_ACTION, why, "delegate");
	if (rule->redirect)
		refuse(c, "redirect", DIAG_VS_DELEGATE_ACTION, why, "delegate");
	check_delegate_name(c, rule->delegate);
}

/* A VirtualService without hosts is a delegate: its rules may not delegate further. */
void check_conflicts(struct check *c, const struct virtual_service *vs,
		     const struct http_rule *rule)
{
	if (rule->delegate && vs->hosts.n == 0) {
		refuse(c, "delegate", DIAG_VS_DELEGATE_NESTED,
		       "%s in a VirtualService without hosts, which is itself one: %s cannot be "
		       "chained",
		       "delegates");
		return;
	}
	if (rule->delegate) {
		check_delegate(c, rule);
		return;
	}
	check_actions(c, rule);
	if (rule->n_route == 0 && !answer_of(rule))
		check_report(c, DIAG_VS_NO_ACTION,
			     "the rule says nothing to do: give it a route with a destination, a "
			     "redirect or a directResponse");
}

/* vs_mirror.c - http[].mirror, mirrors and their shares (reference 2.4.8). */
#include <validate/vs.h>

static void check_share(struct check *c, const char *field, const struct percent *p)
{
	size_t outer, mark;

	if (!p)
		return;
	outer = check_field(c, field);
	mark = check_field(c, "value");
	if (!(p->value >= 0 && p->value <= 100))
		check_report(c, DIAG_VS_MIRROR_PERCENT, "%g is no share in percent: 0 to 100",
			     p->value);
	check_leave(c, mark);
	check_leave(c, outer);
}

static void check_old_share(struct check *c, const struct http_rule *rule)
{
	size_t mark = check_field(c, "mirrorPercent");

	if (rule->has_mirror_percent && rule->mirror_percent > 100)
		check_report(c, DIAG_VS_MIRROR_PERCENT, "%u is no share in percent: 0 to 100",
			     rule->mirror_percent);
	check_leave(c, mark);
}

static void check_list(struct check *c, const struct http_rule *rule)
{
	size_t outer = check_field(c, "mirrors");
	uint32_t i;

	if (rule->mirror && rule->n_mirrors)
		check_report(
			c, DIAG_VS_MIRROR_TWICE,
			"mirror and mirrors say the same thing twice: move mirror into mirrors");
	for (i = 0; i < rule->n_mirrors; i++) {
		size_t mark = check_item(c, i);

		check_destination(c, "destination", rule->mirrors[i].destination);
		check_share(c, "percentage", rule->mirrors[i].percentage);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_mirrors(struct check *c, const struct http_rule *rule)
{
	if (rule->mirror)
		check_destination(c, "mirror", rule->mirror);
	check_share(c, "mirrorPercentage", rule->mirror_percentage);
	check_old_share(c, rule);
	check_list(c, rule);
}

/* Prints what a reader makes of a file: foreign xinetd|inetd|systemd FILE. First the services with
 * their rows, then the remarks. */
#include <stdio.h>
#include <string.h>

#include "core/foreign/foreign.h"

static void
print_row(const struct foreign_row *r)
{
	struct text t = { 0 };

	text_printf(&t, "  %s%s%s =", r->section ? r->section : "", r->section ? "." : "", r->key);
	for (size_t i = 0; i < r->values.n; i++) {
		text_puts(&t, " ");
		text_quote(&t, r->values.items[i], strlen(r->values.items[i]));
	}
	printf("%s  # %s:%d\n", t.s, r->file, r->line);
	text_clear(&t);
}

static void
print_remark(const struct foreign_remark *r)
{
	static const char *const kinds[] = { "error", "warning", "note" };

	printf("%s %s:%d", kinds[r->kind], r->file, r->line);
	printf(" %s %s: %s\n", r->service ? r->service : "-", r->key ? r->key : "-", r->text);
}

int
main(int argc, char **argv)
{
	struct foreign f = { 0 };

	if (argc != 3)
		return 64;
	if (strcmp(argv[1], "xinetd") == 0)
		xinetd_read(argv[2], &f);
	else if (strcmp(argv[1], "inetd") == 0)
		inetd_read(argv[2], &f);
	else
		systemd_read(argv[2], &f);
	for (size_t i = 0; i < f.nservices; i++) {
		printf("service %s %s  # %s:%d\n", f.services[i].name,
		       f.services[i].refused ? "refused" : "runs", f.services[i].file, f.services[i].line);
		for (size_t j = 0; j < f.services[i].nrows; j++)
			print_row(&f.services[i].rows[j]);
	}
	for (size_t i = 0; i < f.nremarks; i++)
		print_remark(&f.remarks[i]);
	foreign_clear(&f);
	return 0;
}

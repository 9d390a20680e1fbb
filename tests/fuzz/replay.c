/* replay.c - runs a fuzz target over stored inputs: the corpus is a test without libFuzzer.
 *
 * Arguments are files or folders of files. Fails when there is no input at all. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

static size_t replayed;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data, *exact;
	size_t n;

	if (!f) {
		perror(path);
		return -1;
	}
	data = malloc(INPUT_MAX);
	MUST(data);
	n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* An allocation of exactly the input: reading behind it shows under ASan. */
	exact = malloc(n ? n : 1);
	MUST(exact);
	memcpy(exact, data, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	free(data);
	replayed++;
	return 0;
}

static int replay_folder(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	char name[4096];
	int rc = 0;

	if (!dir) {
		perror(path);
		return -1;
	}
	while ((entry = readdir(dir)) && rc == 0) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		rc = replay_file(name);
	}
	closedir(dir);
	return rc;
}

static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		perror(path);
		return -1;
	}
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			return 1;
	printf("%zu inputs\n", replayed);
	return replayed ? 0 : 1;
}

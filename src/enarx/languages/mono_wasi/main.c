/* Mono's interpreter as a WASI command: runs /app/app.exe with the command's arguments. */

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mono/mini/jit.h>
#include <mono/metadata/assembly.h>
#include <mono/metadata/mono-config.h>
#include <mono/metadata/threads.h>
#include <mono/utils/mono-dl-fallback.h>

int mono_environment_exitcode_get (void);
void mono_set_assemblies_path (const char *path);

#define APP "/app"

/* The libraries in C that the class library calls are part of this program. */

#include "pal_errno.h"
#include "pal_io.h"
#include "pal_random.h"
#include "pal_time.h"
#include "pal_uid.h"
#include "mono/native/pal-icalls.h"

uint32_t SystemNative_GetEUid (void) { return 0; }
uint32_t SystemNative_GetEGid (void) { return 0; }

static const struct { const char *name; void *function; } natives [] = {
#define NATIVE(f) { #f, (void *) f },
#include "natives.h"
#undef NATIVE
};

static void *
load (const char *name, int flags, char **err, void *data)
{
	if (name && (strstr (name, "System.Native") || strstr (name, "mono-native") || strstr (name, "MonoPosixHelper") || !strcmp (name, "libc")))
		return (void *) natives;
	return NULL;
}

static void *
symbol (void *library, const char *name, char **err, void *data)
{
	size_t i;
	for (i = 0; i < sizeof natives / sizeof *natives; i++)
		if (!strcmp (natives [i].name, name))
			return natives [i].function;
	return NULL;
}

int
main (int argc, char **argv)
{
	MonoDomain *domain;
	MonoAssembly *assembly;
	int status;

	setlocale (LC_ALL, "C.UTF-8");
	setenv ("TERM", "dumb", 1);
	mono_set_assemblies_path (APP);
	mono_set_dirs (APP, APP);
	mono_jit_set_aot_mode (MONO_AOT_MODE_INTERP_LLVMONLY);
	mono_dl_fallback_register (load, symbol, NULL, NULL);
	domain = mono_jit_init_version ("app", "v4.0.30319");
	if (!domain)
		return 70;
	assembly = mono_domain_assembly_open (domain, APP "/app.exe");
	if (!assembly) {
		fprintf (stderr, "mono: cannot open %s/app.exe\n", APP);
		return 70;
	}
	argv [0] = (char *) APP "/app.exe";
	mono_jit_exec (domain, assembly, argc, argv);
	status = mono_environment_exitcode_get ();
	fflush (NULL);
	return status;
}

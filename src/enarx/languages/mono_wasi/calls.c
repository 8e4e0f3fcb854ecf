/* Calls from the interpreter to C functions: WebAssembly wants to know each one's type. */

#include "config.h"

#include "mini.h"
#include "interp/interp.h"

/* As WebAssembly passes it: I 32 bits, L 64 bits, F float, D double, V nothing. */
static char
letter (MonoType *type)
{
	if (type->byref)
		return 'I';
	type = mini_get_underlying_type (type);
	switch (type->type) {
	case MONO_TYPE_R4:
		return 'F';
	case MONO_TYPE_R8:
		return 'D';
	case MONO_TYPE_I8:
	case MONO_TYPE_U8:
		return 'L';
	case MONO_TYPE_VOID:
		return 'V';
	default:
		return 'I';
	}
}

#define V void
#define I int
#define L gint64
#define F float
#define D double

#define Ia(n) ((int) in->iargs [n])
#define La(n) ((gint64) (guint32) in->iargs [n] | (gint64) (guint32) in->iargs [(n) + 1] << 32)
#define Fa(n) (*(float *) &in->fargs [(n) * 2])
#define Da(n) (in->fargs [(n) * 2])

#define CALL(name, result, types, values) \
	if (!strcmp (cookie, name)) { \
		*(result *) in->retval = ((result (*) types) target) values; \
		return; \
	}
#define CALLV(name, types, values) \
	if (!strcmp (cookie, name)) { \
		((void (*) types) target) values; \
		return; \
	}

void mono_wasm_interp_to_native_trampoline (void *target, InterpMethodArguments *in);

void
mono_wasm_interp_to_native_trampoline (void *target, InterpMethodArguments *in)
{
	MonoMethodSignature *sig = in->sig;
	char cookie [32];
	int n = 0, i;
	g_assert (sig->param_count + sig->hasthis + 2 < (int) sizeof cookie);
	cookie [n++] = letter (sig->ret);
	if (sig->hasthis)
		cookie [n++] = 'I';
	for (i = 0; i < sig->param_count; i++)
		cookie [n++] = letter (sig->params [i]);
	cookie [n] = 0;
#include "calls.h"
	g_error ("no call of the type %s to C", cookie);
}

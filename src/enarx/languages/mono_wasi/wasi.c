/* What Mono asks of a platform, and WASI preview 1 does not have or has otherwise.

   Mono's own files for this are of Emscripten; these stand in their place: memory, the one
   thread, semaphores, calls from the interpreter to C. */

#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mono/utils/mono-mmap.h>
#include <mono/utils/mono-mmap-internals.h>
#include <mono/utils/mono-threads.h>

gboolean mono_wasm_enable_gc = TRUE;

/* Memory: no mapping; aligned pieces of the heap, empty. */

#define PAGE 16384

int mono_pagesize (void) { return PAGE; }
int mono_valloc_granule (void) { return PAGE; }
void mono_setmmapjit (int flag) {}

static size_t whole_pages (size_t size) { return (size + PAGE - 1) & ~(size_t) (PAGE - 1); }

/* What is free, by address; a run of pages is described where it begins. */
typedef struct Run { struct Run *next; size_t size; } Run;
static Run *runs;

static void
give_back (char *start, size_t size)
{
	Run **place = &runs, *run = (Run *) start;
	Run *before = NULL;
	while (*place && (char *) *place < start) {
		before = *place;
		place = &before->next;
	}
	run->next = *place;
	run->size = size;
	*place = run;
	if (run->next && start + size == (char *) run->next) {
		run->size += run->next->size;
		run->next = run->next->next;
	}
	if (before && (char *) before + before->size == start) {
		before->size += run->size;
		before->next = run->next;
	}
}

static char *
take (size_t size, size_t alignment)
{
	Run **place;
	for (place = &runs; *place; place = &(*place)->next) {
		Run *run = *place;
		char *start = (char *) (((size_t) run + alignment - 1) & ~(alignment - 1));
		char *end = (char *) run + run->size;
		if (start > end || (size_t) (end - start) < size)
			continue;
		*place = run->next;
		if (start > (char *) run)
			give_back ((char *) run, start - (char *) run);
		if (end > start + size)
			give_back (start + size, end - start - size);
		return start;
	}
	return NULL;
}

#define GROWTH ((size_t) 4 << 20)
#define WASM_PAGE 65536

void *
mono_valloc_aligned (size_t size, size_t alignment, int flags, MonoMemAccountType type)
{
	char *memory;
	size = whole_pages (size);
	if (alignment < PAGE)
		alignment = PAGE;
	if (!size || !mono_valloc_can_alloc (size))
		return NULL;
	memory = take (size, alignment);
	if (!memory) {
		size_t more = size + alignment > GROWTH ? (size + alignment) / WASM_PAGE + 1 : GROWTH / WASM_PAGE;
		size_t at = __builtin_wasm_memory_grow (0, more);
		if (at == (size_t) -1)
			return NULL;
		give_back ((char *) (at * WASM_PAGE), more * WASM_PAGE);
		memory = take (size, alignment);
	}
	memset (memory, 0, size);
	mono_account_mem (type, (ssize_t) size);
	return memory;
}

void *
mono_valloc (void *addr, size_t size, int flags, MonoMemAccountType type)
{
	return mono_valloc_aligned (size, PAGE, flags, type);
}

int
mono_vfree (void *addr, size_t length, MonoMemAccountType type)
{
	length = whole_pages (length);
	give_back (addr, length);
	mono_account_mem (type, -(ssize_t) length);
	return 0;
}

void *
mono_file_map_error (size_t length, int flags, int fd, guint64 offset, void **ret_handle,
		     const char *filepath, char **error_message)
{
	return mono_file_map (length, flags, fd, offset, ret_handle);
}

int mono_mprotect (void *addr, size_t length, int flags) { return 0; }
void *mono_shared_area (void) { static char area [PAGE]; return area; }
void mono_shared_area_remove (void) {}
void *mono_shared_area_for_pid (void *pid) { return NULL; }
void mono_shared_area_unload (void *area) {}
int mono_shared_area_instances (void **array, int count) { return 0; }

/* Threads: there is one.  What others would do for it waits in a list, and is done when the
   one waits for them. */

extern char __stack_low, __stack_high;

void
mono_threads_platform_get_stack_bounds (guint8 **staddr, size_t *stsize)
{
	*staddr = (guint8 *) &__stack_low + 1024; /* which is at nought, and that means none to Mono */
	*stsize = (size_t) (&__stack_high - &__stack_low) - 1024;
}

int
mono_thread_info_get_system_max_stack_size (void)
{
	return (int) (&__stack_high - &__stack_low);
}

void mono_threads_platform_init (void) {}
gboolean mono_threads_platform_yield (void) { return TRUE; }
gboolean mono_threads_platform_in_critical_region (THREAD_INFO_TYPE *info) { return FALSE; }
void mono_threads_platform_exit (gsize exit_code) { exit ((int) exit_code); }
void mono_threads_suspend_init_signals (void) {}
void mono_threads_suspend_init (void) {}
void mono_threads_suspend_register (MonoThreadInfo *info) {}
void mono_threads_suspend_free (MonoThreadInfo *info) {}
void mono_threads_suspend_abort_syscall (MonoThreadInfo *info) {}
gboolean mono_threads_suspend_begin_async_resume (MonoThreadInfo *info) { return TRUE; }
gboolean mono_threads_suspend_check_suspend_result (MonoThreadInfo *info) { return TRUE; }
gint mono_threads_suspend_get_suspend_signal (void) { return -1; }
gint mono_threads_suspend_get_restart_signal (void) { return -1; }
void mono_memory_barrier_process_wide (void) {}

gboolean
mono_threads_suspend_begin_async_suspend (MonoThreadInfo *info, gboolean interrupt_kernel)
{
	return TRUE;
}

MonoNativeThreadId mono_native_thread_id_get (void) { return (MonoNativeThreadId) 1; }
guint64 mono_native_thread_os_id_get (void) { return 1; }
void mono_native_thread_set_name (MonoNativeThreadId tid, const char *name) {}
gboolean mono_native_thread_join (MonoNativeThreadId tid) { return FALSE; }

gboolean
mono_native_thread_id_equals (MonoNativeThreadId id1, MonoNativeThreadId id2)
{
	return id1 == id2;
}

gboolean
mono_native_thread_create (MonoNativeThreadId *tid, gpointer func, gpointer arg)
{
	return FALSE;
}

gboolean
mono_thread_platform_create_thread (MonoThreadStart thread_fn, gpointer thread_data,
				    gsize *const stack_size, MonoNativeThreadId *tid)
{
	return FALSE;
}

static GSList *jobs;

void
mono_threads_schedule_background_job (background_job_cb cb)
{
	if (!g_slist_find (jobs, (gconstpointer) cb))
		jobs = g_slist_append (jobs, (gpointer) cb);
}

static gboolean
do_a_job (void)
{
	background_job_cb job;
	if (!jobs)
		return FALSE;
	job = (background_job_cb) jobs->data;
	jobs = g_slist_delete_link (jobs, jobs);
	job ();
	return TRUE;
}

static void
deadlock (void)
{
	fputs ("mono: the program waits for a thread, and there are none in WASI\n", stderr);
	exit (70);
}

int
pthread_mutex_lock (pthread_mutex_t *m)
{
	m->__u.__i [5]++;
	return 0;
}

int pthread_mutex_trylock (pthread_mutex_t *m) { return pthread_mutex_lock (m); }

int
pthread_mutex_unlock (pthread_mutex_t *m)
{
	if (m->__u.__i [5])
		m->__u.__i [5]--;
	return 0;
}

int
pthread_cond_wait (pthread_cond_t *c, pthread_mutex_t *m)
{
	if (!do_a_job ())
		deadlock ();
	return 0;
}

int
pthread_cond_timedwait (pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
	if (do_a_job ())
		return 0;
	clock_nanosleep (CLOCK_REALTIME, TIMER_ABSTIME, until, NULL);
	return ETIMEDOUT;
}

int sem_init (sem_t *s, int shared, unsigned value) { s->__val [0] = (int) value; return 0; }
int sem_destroy (sem_t *s) { return 0; }
int sem_post (sem_t *s) { s->__val [0]++; return 0; }

int
sem_trywait (sem_t *s)
{
	if (s->__val [0] > 0) {
		s->__val [0]--;
		return 0;
	}
	errno = EAGAIN;
	return -1;
}

int
sem_wait (sem_t *s)
{
	while (sem_trywait (s))
		if (!do_a_job ())
			deadlock ();
	return 0;
}

/* What WASI does not have: it fails, as the standard says. */

static int
missing (void)
{
	errno = ENOSYS;
	return -1;
}

int pipe (int *fds) { return missing (); }
int dup (int fd) { return missing (); }
int dup2 (int fd, int other) { return missing (); }
pid_t fork (void) { return missing (); }
pid_t waitpid (pid_t pid, int *status, int options) { errno = ECHILD; return -1; }
int kill (pid_t pid, int signal) { return missing (); }
int execve (const char *path, char *const *argv, char *const *envp) { return missing (); }
pid_t getppid (void) { return 0; }
pid_t setsid (void) { return missing (); }
uid_t getuid (void) { return 0; }
uid_t geteuid (void) { return 0; }
gid_t getgid (void) { return 0; }
gid_t getegid (void) { return 0; }
mode_t umask (mode_t mode) { return 022; }
struct passwd *getpwuid (uid_t uid) { return NULL; }

/* A name that nothing has yet: six letters of chance. */
char *
mktemp (char *template)
{
	static const char letters [] = "abcdefghijklmnopqrstuvwxyz012345";
	size_t length = strlen (template), i;
	unsigned char chance [6];
	if (length < 6 || strcmp (template + length - 6, "XXXXXX")) {
		errno = EINVAL;
		template [0] = 0;
		return template;
	}
	getentropy (chance, sizeof chance);
	for (i = 0; i < 6; i++)
		template [length - 6 + i] = letters [chance [i] % 32];
	return template;
}

int
mkstemp (char *template)
{
	return open (mktemp (template), O_RDWR | O_CREAT | O_EXCL, 0600);
}

/* The debugger and crash reports of Emscripten's port. */

void mono_wasm_debugger_init (void) {}
void mono_wasm_single_step_hit (void) {}
void mono_wasm_breakpoint_hit (void) {}
void mono_set_timeout (int timeout, int id) {}
void mono_dump_native_crash_info (const char *signal, void *context, void *info) {}
void mono_post_native_crash_handler (const char *signal, void *context, gboolean chain, void *info) { abort (); }

void syslog (int priority, const char *format, ...) {}
void sync (void) {}
int flock (int fd, int operation) { return 0; } /* nobody else has it */

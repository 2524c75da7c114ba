/* Counts the instructions that qemu-user executes: qemu-aarch64 -plugin libcount.so,out=FILE PROGRAM writes the number into
 * FILE when PROGRAM ends. Version 1 of the plugin interface, declared here because Debian packages no header of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_plugin_version = 1;

size_t qemu_plugin_tb_n_insns(const void *block);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(uint64_t, void *));
void qemu_plugin_register_vcpu_tb_exec_cb(void *block, void (*call)(unsigned, void *), int flags, void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*call)(uint64_t, void *), void *data);

static uint64_t executed;
static const char *file;

static void execute(unsigned cpu, void *count)
{
    __atomic_fetch_add(&executed, (uintptr_t)count, __ATOMIC_RELAXED);
}

static void translate(uint64_t id, void *block)
{
    void *count = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, execute, 0, count);
}

static void leave(uint64_t id, void *data)
{
    FILE *out = fopen(file, "w");
    if (out) {
        fprintf(out, "%llu\n", (unsigned long long)executed);
        fclose(out);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int count, char **arguments)
{
    if (count != 1 || strncmp(arguments[0], "out=", 4))
        return 1;
    file = strdup(arguments[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, leave, NULL);
    return 0;
}

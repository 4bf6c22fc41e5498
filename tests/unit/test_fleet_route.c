/* Who writes what, by what `auto` knows: the number of nodes and the file system. */
#include "fleet/route.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* From statfs(2). */
enum { EXT4 = 0xEF53, NFS = 0x6969, LUSTRE = 0x0BD00BD0, TMPFS = 0x01021994, NOBODY_KNOWS = 0x12345 };
static const long CIFS = 0xFF534D42;

static void auto_is_root_on_several_nodes_with_stale_caches(void **state)
{
    static const struct {
        long type;
        int nodes;
        sgs_writer expected;
        const char *why;
    } cases[] = {{EXT4, 1, SGS_WRITER_ALL, "one node"},
                 {NFS, 1, SGS_WRITER_ALL, "one node"},
                 {NFS, 2, SGS_WRITER_ROOT, "2 nodes on nfs"},
                 {CIFS, 100, SGS_WRITER_ROOT, "100 nodes on cifs"},
                 {LUSTRE, 64, SGS_WRITER_ALL, "64 nodes on lustre"},
                 {NOBODY_KNOWS, 3, SGS_WRITER_ALL, "3 nodes on unknown"},
                 {0, 3, SGS_WRITER_ALL, "3 nodes on unknown"}};
    char why[ROUTE_WHY_BYTES];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(route_choose(SGS_WRITER_AUTO, cases[i].nodes, cases[i].type, why), cases[i].expected);
        assert_non_null(strstr(why, cases[i].why));
        assert_int_equal(strstr(why, "stale") != NULL, cases[i].expected == SGS_WRITER_ROOT);
    }
}

static void a_wish_is_followed(void **state)
{
    static const sgs_writer wishes[] = {SGS_WRITER_ALL, SGS_WRITER_NODE, SGS_WRITER_ROOT};
    char why[ROUTE_WHY_BYTES];
    (void)state;

    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        assert_int_equal(route_choose(wishes[i], 8, NFS, why), wishes[i]);
        assert_string_equal(why, "asked for");
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(route_file_system(NFS), "nfs");
    assert_string_equal(route_file_system(TMPFS), "tmpfs");
    assert_string_equal(route_file_system(NOBODY_KNOWS), "unknown");
    assert_string_equal(route_writer_name(SGS_WRITER_ROOT), "root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(auto_is_root_on_several_nodes_with_stale_caches),
                                       cmocka_unit_test(a_wish_is_followed), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/** @file lanes.h
 *  The state of the lane kernel: many runs of one block side by side, layout [coordinate][lane].
 *
 *  Invariants, for every lane l and coordinate i, between steps:
 *  - a_i = g u_i for active i; for inactive i and the outside part a = h u when `two_scales`, else g u. g > 0, h > 0,
 * and i is active iff linear or u_i > 0.
 *  - S and R are those of the point up to rounding; for full batch S = g^2 S0 and R = h^2 R0 exactly as computed.
 *  - an idle lane has eps = S = R = 0, g = h = 1 and u = 0, so that every step leaves it as it is.
 *  - all lanes have the same number of steps modulo the check stride, a multiple of 8, whatever they are: lanes start
 * at stride boundaries only. So eight steps share their random words at the same moment in every lane.
 *
 *  Scales (model.md section 2). With D the drawn points' part of S, `base` and `other` are (c, ce) where the drawn
 * points are the batch and (ce, c) where they are left out: S_B = D or S - D;  c = 1 - eps S_B;  ce = c + eps (2 - N);
 *      u_i *= other / base for drawn active i;  g *= base;  h *= c;  S' = base^2 (S - D) + other^2 D;  R' = c^2 R.
 *  With repeats (m_i draws of i, S1 = sum m_i a_i^2, S2 = sum m_i^2 a_i^2, e = eps (2 - N)): c = 1 - eps S1, u_i *= 1 +
 *  m_i e / c, g *= c, S' = c^2 S + 2 c e S1 + e^2 S2.
 *  A step with c or ce below SGS_FACTOR_MIN (or not a number) is taken the plain way by sgs_lane_plain_step.
 *  At every eighth step: g outside of [1 / SGS_SCALE_SPAN, SGS_SCALE_SPAN] folds the lane; h and R are held above a
 * floor. At every sum stride S is computed anew from u: with left-out points its rounding error would grow like (1 +
 * eps)^(2t/n). */
#ifndef SGS_TRAIN_LANES_H
#define SGS_TRAIN_LANES_H

#include "model/batch.h"
#include "model/rule.h"

enum { SGS_LANES_MAX = 32 };

#define SGS_FACTOR_MIN         1e-3
#define SGS_SCALE_SPAN         1e40
#define SGS_INACTIVE_SCALE_MIN 1e-100
#define SGS_REST_MIN           1e-200

/** Where the points of a step come from. */
typedef enum sgs_draw {
    SGS_DRAW_NONE,     /* full batch */
    SGS_DRAW_SPARSE,   /* a subset as a list */
    SGS_DRAW_DENSE,    /* the batch as bits, whichever of it and its complement was drawn */
    SGS_DRAW_REPEATS,  /* b draws with repeats */
    SGS_DRAW_SHUFFLED, /* b entries of an epoch's permutation */
    SGS_DRAW_WINDOW    /* consecutive points, the same in every lane */
} sgs_draw;

typedef struct sgs_kernel sgs_kernel;

typedef struct sgs_lanes {
    const sgs_kernel *kernel;
    sgs_activation activation;
    int32_t n, b, m; /* m points are drawn a step */
    int32_t epoch;   /* steps of an epoch of SGS_DRAW_SHUFFLED */
    int lanes;       /* of the kernel, <= SGS_LANES_MAX */
    sgs_draw draw;
    bool left_out;   /* drawn points are those not in the batch */
    bool two_scales; /* h is in use: left_out or full batch */
    sgs_dense dense;
    double g[SGS_LANES_MAX], h[SGS_LANES_MAX], S[SGS_LANES_MAX], R[SGS_LANES_MAX], eps[SGS_LANES_MAX];
    double outside[SGS_LANES_MAX];               /* the scalar of the outside part, to be scaled like inactive u */
    double S0[SGS_LANES_MAX], R0[SGS_LANES_MAX]; /* sums over u (active; inactive and outside) when last refreshed */
    double largest[SGS_LANES_MAX];               /* largest u^2 of active points at the last sum */
    double largest_inactive[SGS_LANES_MAX];      /* the same of inactive points, when last refreshed */
    uint64_t key_hi[SGS_LANES_MAX], key_lo[SGS_LANES_MAX];
    int64_t t[SGS_LANES_MAX];           /* steps done */
    int64_t diverged_at[SGS_LANES_MAX]; /* -1, or the step after which N > SGS_NORM2_DIVERGED */
    double *u;                          /* [n][lanes] */
    int32_t *index;                     /* [drawn points of a fill][lanes], offsets i * lanes + l into u */
    int32_t *next_index;                /* the same for the next eight steps, or NULL */
    const int32_t *rows;                /* [m][lanes], those of the present step; not for SGS_DRAW_DENSE */
    int32_t *count;                     /* [n][lanes], how often a point was drawn; all 0 between steps */
    uint64_t *pair;                     /* [pairs of words of a fill][lanes], the first word low */
    uint64_t *bits;                     /* [groups][lanes], the batch of the present step; SGS_DRAW_DENSE only */
    uint64_t *active;                   /* [groups][lanes], which points are active; SGS_DRAW_DENSE only */
    uint8_t *mark;                      /* [n][lanes], points of the present subset are `marked`; for long lists */
    uint8_t marked;
    double *value;     /* [m][lanes] */
    uint64_t *scratch; /* [n] */
    double *point;     /* [n] */
    bool filled;       /* index or bits hold the current group of steps */
    bool next_filled;  /* next_index holds the next group */
} sgs_lanes;

/** A kernel: one instruction set, one number of lanes. */
struct sgs_kernel {
    int lanes, vector;                          /* of doubles */
    void (*steps)(sgs_lanes *s, int64_t count); /* take count steps in every lane */
    void (*sums)(sgs_lanes *s);                 /* S = g^2 sum over active u^2, and largest */
    sgs_normals *normals;                       /* of a start, for any number of lanes */
};

/** Allocate for the kernel and the shape; every lane idle. */
sgs_status sgs_lanes_create(const sgs_run *shape, const sgs_kernel *kernel, sgs_lanes **lanes, sgs_error *err);
void sgs_lanes_destroy(sgs_lanes *s);

/** Make lane l idle. */
void sgs_lane_clear(sgs_lanes *s, int l);

/** Set what lane l takes from its run alone: stream, step size. */
void sgs_lane_key(sgs_lanes *s, int l, const sgs_run *run);

/** Put a run at step t and point (a, outside) into lane l. */
void sgs_lane_load(sgs_lanes *s, int l, const sgs_run *run, sgs_point at, int64_t t);

/** The u of lane l were set: note which are active, which no fast step changes. */
void sgs_lane_note_active(sgs_lanes *s, int l);

/** Plain coordinates of lane l into a[n] and outside. */
void sgs_lane_read(const sgs_lanes *s, int l, double *a, double *outside);

/** Fold the scales of lane l into u: g = h = 1, |u_i| >= SGS_COORDINATE_MIN unless 0, sums anew. */
void sgs_lane_fold(sgs_lanes *s, int l);

/** The present step in lane l, the plain way: O(n). Marks the lane diverged if it is. */
void sgs_lane_plain_step(sgs_lanes *s, int l);

/** Lanes that go the plain way in a step: it is taken here for them alone, at `ahead` steps beyond s->t. Until
 *  sgs_lanes_bring_back a step by the fast way leaves them as they are. lanes: bit l for lane l. */
typedef struct sgs_lanes_aside {
    uint32_t lanes;
    double g[SGS_LANES_MAX], h[SGS_LANES_MAX], S[SGS_LANES_MAX], R[SGS_LANES_MAX], eps[SGS_LANES_MAX];
} sgs_lanes_aside;
void sgs_lanes_set_aside(sgs_lanes *s, uint32_t lanes, int64_t ahead, sgs_lanes_aside *aside);
void sgs_lanes_bring_back(sgs_lanes *s, const sgs_lanes_aside *aside);

/** The chosen kernel of this machine with at least `lanes` lanes, or the widest.
 *  @return SGS_OK; SGS_EINVAL: SGDSWEEP_ISA is unknown or not available here */
sgs_status sgs_kernel_choose(int lanes, const sgs_kernel **kernel, sgs_error *err);

/** Variants that a build has, for the choice and for tests. */
typedef struct sgs_isa {
    const char *name;
    bool (*available)(void);
    const sgs_kernel *kernels; /* by lanes, ascending; ends with lanes = 0 */
} sgs_isa;
extern const sgs_isa sgs_isas[]; /* best first, ends with name NULL */

#endif

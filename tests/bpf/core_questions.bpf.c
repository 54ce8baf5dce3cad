// Every question that CO-RE has, asked of types that core_target.bpf.c has otherwise, one program a subject. Ends of the
// paths are in all the places that matter: members, anonymous members, elements, bit fields, things that are not there.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct moved {
  int first;
  long second;
  struct {
    short deep;
    int in_union;
  };
};
struct moved___elsewhere {
  int nowhere;
  long first;
};
struct flavoured___new {
  int kept;
};
struct flavoured___gone {
  int dropped;
};
struct gone {
  int x;
  unsigned b : 3;
};
struct resized {
  unsigned long wide;
  unsigned int grown;
  int sign;
  void* pointer;
  unsigned long narrow;
  unsigned int odd;
  double real;
};
struct nested {
  struct moved items[3];
  short matrix[2][3];
  int few[4];
  struct flavoured___new last[];
};
struct flexible {
  int tail[4];
};
struct bits {
  unsigned a : 3;
  unsigned b : 9;
  int s : 5;
  unsigned long w : 33;
  int plain;
  unsigned flag : 1;
};
struct twice {
  long at;
  int same;
};
#pragma clang attribute pop

struct pointee {
  struct moved* moved;
  int (*call)(struct moved* a, long b);
};
struct pointee___wrong {
  struct moved* moved;
  int (*call)(struct moved* a);
};
union either {
  char c[24];
};
struct either___struct {
  long l;
};
enum mood { GOOD, BAD = 5, UGLY, MISSING };
enum mood___subset { GOOD___subset, BAD___subset };
enum wide : unsigned long { HUGE_VALUE = 0xffffffffffff0000ul, SMALL_VALUE = 1 };
enum was_narrow { GREW = 1 };
enum gone_mood { LOST };
typedef unsigned long number_t;
typedef int number___x;
typedef struct {
  int x;
} anonymous_t;
typedef struct {
  int z;
} anonymous_t___other;
typedef int (*function_t)(struct moved*, unsigned int);
typedef int (*function_t___other)(struct moved*);
typedef int (*other_function_t)(struct moved*);

#define OFFSET 0
#define SIZE 1
#define EXISTS 2
#define SIGNED 3
#define LSHIFT 4
#define RSHIFT 5
#define FIELD(access, kind) __builtin_preserve_field_info(access, kind)
#define ALL(access)                                                                                     \
  (FIELD(access, OFFSET) + FIELD(access, SIZE) * 3 + FIELD(access, EXISTS) * 5 + FIELD(access, SIGNED) * 7 + \
   FIELD(access, LSHIFT) * 9 + FIELD(access, RSHIFT) * 11)
#define PLACE(access) (FIELD(access, OFFSET) + FIELD(access, SIZE) * 3 + FIELD(access, EXISTS) * 5)
#define TYPE(type, kind) __builtin_preserve_type_info(*(typeof(type)*)0, kind)
#define ABOUT(type)                                                                                         \
  (TYPE(type, 0) + TYPE(type, 1) * 3 + TYPE(type, 2) * 5 + __builtin_btf_type_id(*(typeof(type)*)0, 0) * 7 + \
   __builtin_btf_type_id(*(typeof(type)*)0, 1) * 9)
#define VALUE(type, value, kind) __builtin_preserve_enum_value(*(typeof(type)*)value, kind)
#define BOTH(type, value) (VALUE(type, value, 0) + VALUE(type, value, 1) * 3)

SEC("socket")
long loads(struct moved* m) { return m->first + m->second + m->deep + m->in_union + (&m[2])->second; }

SEC("socket")
long stores(struct moved* m) {
  m->first = 7;
  m->second = m->first + 1;
  m->deep = 3;
  return __sync_fetch_and_add(&m->second, 1);
}

SEC("socket")
long flavours(void* ctx) {
  struct flavoured___new* f = ctx;
  struct flavoured___gone* g = ctx;
  if (FIELD(g->dropped, EXISTS)) return g->dropped;
  return f->kept;
}

SEC("socket")
long missing(struct gone* g) { return g->x + ALL(g->x) + ALL(g->b) + TYPE(struct gone, 0) + TYPE(struct gone, 1); }

SEC("socket")
long missing_store(struct gone* g) {
  g->x = 1;
  return 0;
}

SEC("socket")
long incompatible(struct moved___elsewhere* m) { return m->nowhere + m->first; }

SEC("socket")
long resized_loads(struct resized* r) { return r->wide + r->grown + (long)r->pointer + r->narrow; }

SEC("socket")
long resized_signed(struct resized* r) { return r->sign; }

SEC("socket")
long resized_stores(struct resized* r) {
  r->wide = 1;
  r->grown = 2;
  return 0;
}

SEC("socket")
long resized_questions(struct resized* r) {
  return ALL(r->wide) + ALL(r->grown) + ALL(r->sign) + PLACE(r->pointer) + ALL(r->odd) + PLACE(r->real);
}

SEC("socket")
long elements(struct nested* n) {
  return n->items[2].in_union + n->matrix[1][2] + n->few[1] + n->last[3].kept + PLACE(n->matrix[1]) +
         PLACE(n->items[1].deep) + PLACE(n->last[2]) + PLACE(n[1].matrix);
}

SEC("socket")
long too_far(struct nested* n) { return FIELD(n->few[3], EXISTS) ? n->few[3] : -1; }

SEC("socket")
long now_flexible(struct flexible* f) { return PLACE(f->tail[3]) + PLACE(f->tail); }

SEC("socket")
long bit_fields(struct bits* b) {
  return ALL(b->a) + ALL(b->b) + ALL(b->s) + ALL(b->plain) + ALL(b->flag) + FIELD(b->w, EXISTS) + FIELD(b->w, SIGNED);
}

SEC("socket")
long candidates(struct twice* t) { return t->same + PLACE(t->at) + TYPE(struct twice, 0); }

SEC("socket")
long types(void* ctx) {
  return ABOUT(struct moved) + ABOUT(struct flavoured___new) + ABOUT(union either) + ABOUT(struct either___struct) +
         ABOUT(struct gone) + ABOUT(number_t) + ABOUT(number___x) + ABOUT(anonymous_t) + ABOUT(anonymous_t___other);
}

SEC("socket")
long more_types(void* ctx) {
  return ABOUT(struct pointee) + ABOUT(struct pointee___wrong) + ABOUT(function_t) + ABOUT(function_t___other) +
         ABOUT(other_function_t) + ABOUT(enum mood) + ABOUT(enum mood___subset) + ABOUT(enum wide) +
         ABOUT(enum was_narrow) + ABOUT(struct bits) + ABOUT(struct nested);
}

SEC("socket")
long values(void* ctx) {
  return BOTH(enum mood, GOOD) + BOTH(enum mood, BAD) + BOTH(enum mood, UGLY) + BOTH(enum wide, HUGE_VALUE) +
         BOTH(enum wide, SMALL_VALUE) + BOTH(enum was_narrow, GREW) + BOTH(enum mood___subset, BAD___subset);
}

SEC("socket")
long missing_value(void* ctx) {
  return VALUE(enum mood, MISSING, 0) ? VALUE(enum mood, MISSING, 1) : VALUE(enum gone_mood, LOST, 0);
}

static __attribute__((noinline)) long shared(struct moved* m) { return m->second; }

SEC("socket")
long with_subprogram(struct moved* m) { return shared(m) + shared(m + 1); }

SEC("socket")
long with_the_same(struct moved* m) { return shared(m) + m->first; }

char _license[] SEC("license") = "GPL";

// A kernel of our own: the types that core_questions.bpf.c is tried against. Names are the same, all else has moved.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct moved {
  char before[24];
  struct {
    union {
      long other;
      struct {
        short pad;
        short deep;
      };
    };
    union {
      int in_union;
      char bytes[4];
    };
  };
  long second;
  const volatile int first;
};
struct flavoured {
  long padding;
  int kept;
};
struct resized {
  unsigned int wide;
  char gap[12];
  unsigned long grown;
  long sign;
  int* pointer;
  unsigned short narrow;
  unsigned char odd[3];
  float real;
};
struct nested {
  char skipped[5];
  struct moved items[4];
  short matrix[4][5];
  int few[2];
  struct flavoured last[];
};
struct flexible {
  long count;
  long tail[];
};
struct bits {
  unsigned long shift : 60;
  unsigned a : 9;
  int s : 7;
  unsigned b : 2;
  unsigned long w : 33;
  signed char plain;
  _Bool flag;
};
struct pointee {
  struct moved* moved;
  int (*call)(struct moved* a, long b);
  enum mood* mood;
  struct only_declared* declared;
};
union either {
  long l;
  char c[24];
};
enum mood { NONE, GOOD = 7, BAD = -2, UGLY___once = 9 };
enum wide : unsigned long { HUGE_VALUE = 0x123456789abcdef0ul, SMALL_VALUE = 3 };
enum was_narrow : unsigned long { GREW = 0x1ffffffffl };
typedef unsigned long number_t;
typedef struct {
  int x;
  long y;
} anonymous_t;
typedef int (*function_t)(struct moved*, unsigned int);
typedef int (*other_function_t)(int);

// The same thing twice, as deduplication sometimes leaves it.
struct twice {
  long at;
  int same;
  int other;
};
struct twice___2 {
  long at;
  int same;
  int more;
  int other;
};

// Of no use but to be refused.
struct tight {
  unsigned char before : 4;
  unsigned long w : 62;
} __attribute__((packed));
struct far {
  char distance[40000];
  int away;
};
enum top : unsigned { TOP = 0xffffffff };

struct all {
  struct moved moved;
  struct flavoured flavoured;
  struct resized resized;
  struct nested* nested;
  struct flexible* flexible;
  struct bits bits;
  struct pointee pointee;
  union either either;
  enum mood mood;
  enum wide wide;
  enum was_narrow was_narrow;
  number_t number;
  anonymous_t anonymous;
  function_t function;
  other_function_t other_function;
  struct twice twice;
  struct twice___2 twice2;
  struct tight tight;
  struct far far;
  enum top top;
} all;

SEC("socket")
int keep(void* ctx) { return 0; }

// The structs of loader_struct_ops.bpf.c as a kernel might have them: members in another order, and more of them.
struct engine_ops {
  long flags;
  void (*stop)(void);
  int (*start)(int);
  int (*boost)(void);
  char name[8];
  int speed;
};

struct bpf_struct_ops_engine_ops {
  long refcount;
  int state;
  struct engine_ops data;
};

struct bpf_struct_ops_engine_ops value;

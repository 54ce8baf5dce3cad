// Programs in DPDK's JIT, out of librte_bpf.a (scripts/setup bench), which knows neither struct xdp_md nor maps nor
// 32-bit jumps: they are compiled for it with 64-bit pointers in their context, and the memory of their global
// variables is made part of their `lddw`.
//
// DPDK's own verifier refuses every loop. Only its compiler is measured: the archive's member that verifies is left
// out, because this file defines its one symbol, as it does for the few of DPDK's runtime environment that are needed.
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

#include "engines.hpp"

// What DPDK 22.11 declares in rte_bpf.h and bpf_impl.h; those headers ask for half of DPDK.
extern "C" {

struct rte_bpf_arg {
  int type;
  std::size_t size;
  std::size_t buf_size;
};

struct rte_bpf_prm {
  const skep::Insn* ins;
  std::uint32_t nb_ins;
  const void* xsym;
  std::uint32_t nb_xsym;
  rte_bpf_arg prog_arg;
};

struct rte_bpf_jit {
  std::uint64_t (*func)(void*);
  std::size_t sz;
};

struct rte_bpf {
  rte_bpf_prm prm;
  rte_bpf_jit jit;
  std::size_t sz;
  std::uint32_t stack_sz;
};
static_assert(offsetof(rte_bpf, sz) == 0x48 && offsetof(rte_bpf, stack_sz) == 0x50);

rte_bpf* rte_bpf_load(const rte_bpf_prm* prm);
void rte_bpf_destroy(rte_bpf* bpf);
int rte_bpf_get_jit(const rte_bpf* bpf, rte_bpf_jit* jit);

int bpf_validate(rte_bpf* bpf) {
  bpf->stack_sz = 512;
  return 0;
}

thread_local int per_lcore__rte_errno = 0;

int rte_log(std::uint32_t /*level*/, std::uint32_t /*type*/, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  return written;
}

int rte_log_register_type_and_pick_level(const char* /*name*/, std::uint32_t /*level*/) { return 0; }

void __rte_panic(const char* function, const char* /*format*/, ...) {
  std::fprintf(stderr, "dpdk: %s panics\n", function);
  std::abort();
}

// Only for loads from an mbuf (LD_ABS), which no program has.
const void* __rte_pktmbuf_read(const void* /*mbuf*/, std::uint32_t /*off*/, std::uint32_t /*len*/, void* /*buf*/) {
  return nullptr;
}

}  // extern "C"

namespace skep::bench {
namespace {

using Handle = std::unique_ptr<rte_bpf, decltype(&rte_bpf_destroy)>;

class DpdkRunner final : public Runner {
 public:
  DpdkRunner(Handle handle, rte_bpf_jit code, Object object, std::vector<std::byte> input)
      : handle_(std::move(handle)), code_(code), object_(std::move(object)), input_(std::move(input)) {}
  std::uint32_t run(std::uint64_t times) override {
    struct {  // bench_context in programs/program.h
      const std::byte* data;
      const std::byte* data_end;
    } context{input_.data(), input_.data() + input_.size()};
    std::uint64_t result = 0;
    for (; times != 0; --times) {
      benchmark::DoNotOptimize(&context);
      result = code_.func(&context);
      benchmark::DoNotOptimize(result);
    }
    return static_cast<std::uint32_t>(result);
  }

 private:
  Handle handle_;
  rte_bpf_jit code_;
  Object object_;  // holds the program's global variables
  std::vector<std::byte> input_;
};

/// Puts the addresses of global variables into the instructions that load them; what DPDK does not have, otherwise.
std::optional<std::string> prepare(const Object& object, std::span<const Map> maps, std::vector<Insn>& insns) {
  for (std::size_t pc = 0; pc < insns.size(); ++pc) {
    Insn& insn = insns[pc];
    if (insn.opcode == 0x85) return insn.src == 1 ? "a call of a subprogram" : "a helper";
    if (insn.opcode != 0x18) continue;
    Insn& second = insns[++pc];
    if (insn.src == 0) continue;
    if (insn.src != 2) return "a map";
    const std::string& section = maps[static_cast<std::size_t>(insn.imm)].name();
    const auto memory = object.section_memory(section, 1);
    if (!memory) return memory.error().message();
    const auto address = reinterpret_cast<std::uint64_t>(*memory) + static_cast<std::uint32_t>(second.imm);
    insn.src = 0;
    insn.imm = static_cast<std::int32_t>(address);
    second.imm = static_cast<std::int32_t>(address >> 32);
  }
  return {};
}

}  // namespace

Prepared prepare_dpdk(const BenchProgram& program) {
  const auto object = Object::load_file(program.dpdk_object_path);
  if (!object) return {nullptr, object.error().message()};
  const Program loaded = object->program(program.name).value();
  std::vector<Insn> insns(loaded.insns().begin(), loaded.insns().end());
  if (const auto lacks = prepare(*object, loaded.maps(), insns)) return {nullptr, "DPDK does not have " + *lacks};
  constexpr int kPointer = 0x10;  // RTE_BPF_ARG_PTR
  const rte_bpf_prm parameters{insns.data(), static_cast<std::uint32_t>(insns.size()), nullptr, 0, {kPointer, 16, 0}};
  Handle handle(rte_bpf_load(&parameters), &rte_bpf_destroy);
  if (handle == nullptr) return {nullptr, "DPDK does not load it"};
  rte_bpf_jit code{};
  if (rte_bpf_get_jit(handle.get(), &code) != 0 || code.func == nullptr) return {nullptr, "DPDK does not compile it"};
  return {std::make_unique<DpdkRunner>(std::move(handle), code, *object, program.input), {}};
}

}  // namespace skep::bench

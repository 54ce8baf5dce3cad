// Building a program into something that runs, and running it.
//
// Executable is a cheap handle to immutable data. run() is const and re-entrant: any number of threads may run one
// executable at once, each with a context of its own. A run throws nothing and returns to the caller whatever the
// program does. It allocates nothing, except while bpf_for_each_map_elem walks a hash map or a register call names no
// helper.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <skep/code_watcher.hpp>
#include <skep/context.hpp>
#include <skep/error.hpp>
#include <skep/helper.hpp>
#include <skep/host.hpp>
#include <skep/machine_code.hpp>
#include <skep/map.hpp>
#include <skep/object.hpp>
#include <skep/verify.hpp>

namespace skep {

namespace program {
struct Program;
}
namespace vm {
struct Machine;
}

/// Why a run ended early.
enum class FaultKind : std::uint8_t {
  none,
  bad_load,           ///< a load outside the regions this run may read
  bad_store,          ///< a store or atomic outside the regions this run may write, or into a read-only one
  misaligned_atomic,  ///< an atomic operation on an address that is not a multiple of its size
  bad_argument,       ///< a helper's argument breaks the helper's prototype
  bad_call,           ///< an indirect call to something that is no function
  call_depth,         ///< more than 8 frames
  budget,             ///< the instruction budget is used up
  no_helper,          ///< a register call named a helper that is unknown or not allowed
  host_exception,     ///< an application helper threw
  stopped,            ///< another thread asked for it: see RunOptions::stop
  wrong_context,      ///< a verified program was run on a context that is not its type's, or is too short
  unresolved,         ///< an instruction that asks for a kernel type, field, value or weak function which is not there
};

/// Stable short name of a kind: "bad_load". Static storage.
[[nodiscard]] std::string_view name_of(FaultKind kind) noexcept;

/// A broken rule. The program's effects up to `pc` stay; reserved ring-buffer records were discarded.
struct Fault {
  FaultKind kind = FaultKind::none;  ///< of a run that faulted never none
  std::uint8_t argument = 0;         ///< 1 to 5 for bad_argument
  std::uint32_t pc = 0;              ///< instruction slot in `program`
  std::uint32_t helper = 0;          ///< id, for bad_argument and no_helper
  std::uint64_t address = 0;         ///< of the access; the value for bad_call
  std::uint64_t size = 0;            ///< of the access, bytes
  /// The region the address lies in or just past: "stack", "packet", a map's name; empty when none is near.
  std::array<char, 24> region{};
  std::uint64_t region_base = 0;   ///< its first address
  std::uint64_t region_bytes = 0;  ///< its size
  /// The program had been proven and was run with guards on (Mode::enforced): the fault is a bug of skep, not of the
  /// program.
  bool proven_otherwise = false;
  /// The program that ran at that time: after a tail call not the one the run started with. Null without a fault.
  std::shared_ptr<const program::Program> program;
};

struct RunResult {
  std::uint64_t value = 0;  ///< r0; 0 after a fault
  /// Instructions run, counted only when a budget was given. Those that a proof makes needless are not run; a legacy
  /// packet load counts as two.
  std::uint64_t insns = 0;
  std::optional<Fault> fault;  ///< none when the program ran to its end

  /// Not the implicit one, for which compilers clear the room for a fault in every run.
  RunResult() noexcept {}

  [[nodiscard]] bool ok() const noexcept { return !fault.has_value(); }
  [[nodiscard]] FaultKind fault_kind() const noexcept { return fault ? fault->kind : FaultKind::none; }
};

struct RunOptions {
  static constexpr std::uint64_t kNoBudget = ~std::uint64_t{0};
  /// How many instructions the run may execute, exactly: the fault names the first one that was not. A `lddw` counts
  /// one, a helper call one, callbacks and tail-called programs count as they run.
  std::uint64_t budget = kNoBudget;
  /// When another thread stores true here, the run ends within a millisecond, with FaultKind::stopped. Helpers that are
  /// running are waited for. Must outlive the run; one flag may stop any number of runs.
  const std::atomic<bool>* stop = nullptr;
};

/// How much a build trusts its program.
enum class Mode : std::uint8_t {
  guarded,    ///< nothing is trusted: every access and every helper argument is checked as it happens
  unguarded,  ///< no access checks: of a program that was not verified, only for those you would link into your process
  enforced,   ///< verified, and checked all the same: a guard that fires shows a bug of skep's verifier
};

/// What runs a program.
enum class Engine : std::uint8_t {
  best,  ///< the JIT where there is one and it gets its memory, the interpreter otherwise
  jit,   ///< machine code: builds fail where that is not to be had
  interpreter,
};

struct BuildOptions {
  /// Unset: guarded, but a VerifiedProgram is run without the checks that its proof makes needless (unguarded).
  std::optional<Mode> mode;
  Engine engine = Engine::best;
  /// Machine code counts its instructions, at some cost, so that it can be run within a budget. Guarded code always
  /// does; where code does not, the interpreter runs what is given a budget.
  bool metered = false;
  std::shared_ptr<Host> host;       ///< null: the object's host
  std::vector<HelperSpec> helpers;  ///< the application's own; they win over Linux' of the same id
  /// What programs call as kernel functions (`extern … __ksym`), found by name; their ids mean nothing. A weak one that
  /// is missing has address 0, as bpf_ksym_exists() sees it.
  std::vector<HelperSpec> kfuncs;
  /// Note which instruction each part of the machine code came from: Executable::machine_code().
  bool keep_code_map = false;
  /// Who is told of machine code when it is made: profilers, debuggers.
  std::vector<std::shared_ptr<CodeWatcher>> seen_by;
  /// Machine code lies in memory that nothing in this process can make writable again, where the system has such memory
  /// (Linux 5.1). Not when seen_by names somebody: debuggers write breakpoints into code, and perf looks up names for
  /// anonymous memory only. Never is memory writable and executable at once, sealed or not.
  bool sealed = true;
  /// Numbers that the program's author chose (immediates) do not appear in its machine code, where they might be
  /// instructions to whoever finds a way to jump there. Unset: for programs that nobody vouches for, which are those
  /// run guarded without a proof, and those verified as an unprivileged user's (VerifyOptions::bpf off). Where in its
  /// pages code begins is a matter of chance for all programs, but for those built with `blind = false`.
  std::optional<bool> blind;
};

class Executable {
 public:
  /// Program arrays that the object gives contents (`.values = {[1] = other}`) are filled by the first build of a
  /// program that uses them, once: the programs named are built with the same options, and so on; slots that the
  /// application has filled stay as they are. Errors: unsupported when the program needs what skep does not have, or
  /// calls a kernel function that nobody gives (the message names each); also when it calls a helper that is unknown or
  /// that its program type may not call ("insn 7: helper 25 (perf_event_output) …").
  [[nodiscard]] static Result<Executable> build(const Program& program, const BuildOptions& options = {});

  /// Builds a program that was proven. Where nothing is checked at run time, the proof holds for what it was made of:
  /// the program's own maps, Linux' helpers (unsupported when options.helpers replaces one that it calls), and a
  /// context that is its type's (run() answers FaultKind::wrong_context to others, and to memory shorter than the
  /// program reads). Loads through pointers to kernel objects, of which there are none here, yield 0, as Linux' do when
  /// they miss. Programs that its program arrays name in the file are verified with the same options, and built.
  [[nodiscard]] static Result<Executable> build(const VerifiedProgram& program, const BuildOptions& options = {});

  /// Runs on `context`. Never throws; see RunResult.
  RunResult run(Context& context, const RunOptions& options = {}) const noexcept {
    const auto type = static_cast<std::uint32_t>(context.structured().type);
    if ((type & quick_.mask) != quick_.type || options.budget != RunOptions::kNoBudget)
      return run_whole(context, options);
    RunResult result;
    result.value = quick_.start(nullptr, context.entry().r1, context.entry().r2);
    return result;
  }

  [[nodiscard]] const Program& program() const noexcept;
  /// What runs it: jit or interpreter.
  [[nodiscard]] Engine engine() const noexcept;
  /// The machine code; null where the interpreter runs it. Lives as long as this handle, or any copy.
  [[nodiscard]] const MachineCode* machine_code() const noexcept;
  /// There is a JIT for this processor.
  [[nodiscard]] static bool has_jit() noexcept;
  /// A fault in one readable line: what, where, the address and region, the source line where the object knows it; "no
  /// fault" without one.
  [[nodiscard]] std::string explain(const std::optional<Fault>& fault) const;

  /// Puts this executable into slot `index` of a program array, for tail calls. EINVAL when `map` is none, or was used
  /// with programs of another type; E2BIG out of range.
  Result<void> put_into(const Map& map, std::uint32_t index) const;

 private:
  struct Data;
  /// Code that asks nothing of a run but its registers, and the contexts that its proof fits: those of `type`, or all
  /// with a mask of 0. As it is here, none.
  struct Quick {
    std::uint64_t (*start)(vm::Machine* machine, std::uint64_t r1, std::uint64_t r2) = nullptr;
    std::uint32_t mask = 0;
    std::uint32_t type = 1;
  };

  explicit Executable(std::shared_ptr<const Data> data) noexcept;
  RunResult run_whole(Context& context, const RunOptions& options) const noexcept;

  std::shared_ptr<const Data> data_;
  Quick quick_;
};

}  // namespace skep

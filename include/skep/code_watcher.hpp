// Making machine code visible to profilers and debuggers, which know nothing of what a JIT makes.
//
// A build tells its BuildOptions::seen_by of the code it made. The three watchers here pass that on to perf and to GDB;
// an application may write its own. A watcher may serve any number of builds, in several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <skep/error.hpp>

namespace skep {

/// The code of one program. All of it lives during the call that brings it; `bytes` as long as the code.
struct CodeNews {
  /// Together these cover the code without gaps.
  struct Function {
    std::string_view name;  ///< as Linux names them, "bpf_prog_xdp_filter"; no blanks or control characters
    std::uint32_t from_bytes = 0;
    std::uint32_t bytes = 0;
  };
  /// Holds to the next one.
  struct Line {
    std::uint32_t from_bytes = 0;
    std::uint32_t line = 0;  ///< 0: of no line
    std::string_view file;   ///< as the compiler was called with; may be relative
  };

  std::string_view program;
  std::span<const std::byte> bytes;  ///< where they run
  std::span<const Function> functions;
  std::span<const Line> lines;  ///< sorted; empty when the object has no line information
};

class CodeWatcher {
 public:
  virtual ~CodeWatcher() = default;

  /// Called before the code first runs. What it returns, null or not, is dropped before the code's memory is given
  /// back. An error ends the build. Throws nothing.
  [[nodiscard]] virtual Result<std::shared_ptr<const void>> appeared(const CodeNews& news) = 0;
};

/// Adds a line a function to /tmp/perf-PID.map, where perf looks up symbols of code that is in no file. The format
/// knows no end: functions stay listed when their memory holds others. A file that an earlier process of this number
/// left is begun anew. Error io, also when the file is not this user's own.
[[nodiscard]] Result<std::shared_ptr<CodeWatcher>> make_perf_map();

/// Writes `folder`/jit-PID.dump in perf's jitdump format: code, symbols and lines, with the time (CLOCK_MONOTONIC) at
/// which each came. For `perf record -k mono`, then `perf inject --jit`. One a process and folder. Error io, also when
/// the folder does not allow files to be mapped for execution, by which perf learns of the file.
[[nodiscard]] Result<std::shared_ptr<CodeWatcher>> make_jitdump(const std::string& folder);

/// Registers an object with symbols and lines for each program with a GDB or LLDB that is or will be attached, and
/// takes it away with the code. Their interface is a pair of global names, __jit_debug_descriptor and
/// __jit_debug_register_code: this is why there is one list in the process that all these watchers share, under a lock
/// of their own.
[[nodiscard]] std::shared_ptr<CodeWatcher> make_gdb_watcher();

}  // namespace skep

// skep asm: text to instructions, as they lie in memory, or as hex.
//
// What was written is what comes out: whether the instructions make a program is checked where one is run.
#include <unistd.h>

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {
namespace {

std::string render(const AsmOptions& options, const std::vector<Insn>& insns, bool to_terminal) {
  const auto bytes = std::as_bytes(std::span(insns));
  if (options.words) {
    std::string text;
    for (const Insn& insn : insns) text += fmt::format("{:016x}\n", std::bit_cast<std::uint64_t>(insn));
    return text;
  }
  if (options.hex || to_terminal) return format_hex(bytes) + "\n";
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

int assemble(const AsmOptions& options) {
  const auto text = read_text(options.source);
  if (!text) return give_up(text.error());
  const auto insns = isa::assemble(*text);
  if (!insns) return give_up(exit_input, fmt::format("{}: {}", file_name(options.source), insns.error().message()));
  const std::string output = options.output.value_or("-");
  const bool to_terminal = output == "-" && ::isatty(STDOUT_FILENO) == 1;
  if (auto done = write_output(output, render(options, *insns, to_terminal)); !done) return give_up(done.error());
  return exit_ok;
}

}  // namespace skep::cli

// Code is shown by its offset from where it begins, jumps by the instruction they lead to: two builds of one program
// can be compared as text, but for the addresses that they hold.
#include "cli/native_listing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/input.hpp"
#include "cli/machine_text.hpp"

namespace skep::cli {
namespace {

constexpr std::size_t kBytesInLine = 12;  // of raw code
constexpr std::size_t kTextColumn = 40;   // characters of instruction before comments line up

/// By what was proven; without a proof guarded, where that will do, and `how` says why.
Result<Executable> build_proven(const Program& program, const BuildOptions& options, const DisOptions& asked,
                                std::string& how) {
  const auto proven = skep::verify(program).verified();
  if (proven) {
    how = "verified";
    return Executable::build(*proven, options);
  }
  if (asked.trust == DisOptions::Trust::verified) return fail(proven.error());
  how = fmt::format("guarded, for the verifier says: {}", printable(proven.error().what));
  return Executable::build(program, options);
}

}  // namespace

Result<NativeListing> NativeListing::make(const Program& program, const DisOptions& options, const Paint& paint) {
  using Trust = DisOptions::Trust;
  BuildOptions build;
  build.engine = Engine::jit;
  build.metered = options.metered;
  build.keep_code_map = true;
  if (options.no_blind) build.blind = false;
  std::string how = options.trust == Trust::guarded ? "guarded" : "unguarded";
  if (options.trust == Trust::unguarded) build.mode = Mode::unguarded;
  const bool as_it_is = options.trust == Trust::guarded || options.trust == Trust::unguarded;
  auto executable = as_it_is ? Executable::build(program, build) : build_proven(program, build, options, how);
  if (!executable) return fail(std::move(executable).error());
  if (options.metered) how += ", metered";
  return NativeListing(std::move(*executable), std::move(how), options, paint);
}

void NativeListing::print_heading() const {
  std::size_t aside = 0;
  for (std::size_t i = 0; i < code().parts.size(); ++i)
    if (code().parts[i].role == Role::detour || code().parts[i].role == Role::shared)
      aside += end_of(i) - code().parts[i].from_bytes;
  fmt::print("{}\n", paint_(Tone::strong, fmt::format("{} code, {}", machine_name(), how_)));
  fmt::print("{} bytes, {} of them detours\n", code().bytes.size(), aside);
}

void NativeListing::print_entry() const {
  fmt::print("\n{}\n", paint_(Tone::strong, "entry:"));
  for (std::size_t i = 0; i < code().parts.size(); ++i)
    if (code().parts[i].role == Role::entry) print_part(i);
}

void NativeListing::print_prologue(std::uint32_t pc) const { print_parts(Role::prologue, pc); }
void NativeListing::print_insn(std::uint32_t pc) const { print_parts(Role::insn, pc); }

void NativeListing::print_rest() const {
  for (std::size_t i = 0; i < code().parts.size(); ++i) {
    const MachineCode::Part& part = code().parts[i];
    if (part.role != Role::detour && part.role != Role::shared) continue;
    fmt::print("\n{}\n", paint_(Tone::strong, place_name(part.from_bytes) + ":"));
    print_part(i);
  }
}

void NativeListing::print_parts(Role role, std::uint32_t pc) const {
  for (std::size_t i = 0; i < code().parts.size(); ++i)
    if (code().parts[i].role == role && code().parts[i].pc == pc) print_part(i);
}

std::size_t NativeListing::end_of(std::size_t index) const {
  return index + 1 < code().parts.size() ? code().parts[index + 1].from_bytes : code().bytes.size();
}

void NativeListing::print_part(std::size_t index) const {
  const std::uint32_t from = code().parts[index].from_bytes;
  const auto bytes = code().bytes.subspan(from, end_of(index) - from);
  if (options_.jit == DisOptions::Jit::raw) {
    for (std::size_t at = 0; at < bytes.size(); at += kBytesInLine)
      fmt::print("{:>12x}:  {}\n", from + at, format_hex(bytes.subspan(at, std::min(kBytesInLine, bytes.size() - at))));
    return;
  }
  const std::vector<MachineInsn> insns = machine_text(bytes, from);
  for (auto insn = insns.begin(); insn != insns.end(); ++insn) {
    std::string line = fmt::format("{:>12x}:  ", insn->at);
    if (options_.bytes) line += fmt::format("{:<31}", format_hex(code().bytes.subspan(insn->at, insn->bytes)));
    line += insn->text;
    std::string note = insn->leads ? place_name(*insn->leads) : "";
    if (insn->text == "nop" && !options_.bytes) {  // what aligns a loop may be many of them
      const auto last = std::find_if(insn, insns.end(), [](const MachineInsn& next) { return next.text != "nop"; }) - 1;
      if (last != insn) note = fmt::format("{} times", last - insn + 1);
      insn = last;
    }
    if (!note.empty()) {
      line.append(insn->text.size() < kTextColumn ? kTextColumn - insn->text.size() : 1, ' ');
      line += paint_(Tone::note, "; " + note);
    }
    fmt::print("{}\n", line);
  }
}

std::string NativeListing::place_name(std::uint64_t offset) const {
  if (offset >= code().bytes.size()) return "outside";
  const auto after = std::upper_bound(code().parts.begin(), code().parts.end(), offset,
                                      [](std::uint64_t at, const auto& part) { return at < part.from_bytes; });
  const MachineCode::Part& part = *std::prev(after);
  const char* inside = part.from_bytes == offset ? "" : "in ";
  switch (part.role) {
    case Role::entry:
      return fmt::format("{}entry", inside);
    case Role::prologue:
      return fmt::format("{}function at insn {}", inside, part.pc);
    case Role::insn:
      return fmt::format("{}insn {}", inside, part.pc);
    case Role::detour:
      return fmt::format("{}detour of insn {}", inside, part.pc);
    case Role::shared:
      return fmt::format("{}shared by detours", inside);
  }
  return {};
}

}  // namespace skep::cli

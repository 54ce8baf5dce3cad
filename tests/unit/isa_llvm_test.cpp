// llvm-objdump-19 as referee: it prints what disassemble() prints, for every form and for real objects, but for the
// rows of kDifferences. Bytes and text both come out of objdump, so nothing of ours reads the object.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "isa/table.hpp"
#include "isa/text.hpp"
#include "isa_samples.hpp"
#include "support/tools.hpp"

namespace skep::isa {
namespace {

using Slots = std::vector<Insn>;

struct Line {
  Slots insn;
  std::string text;
};

/// Where llvm-objdump-19 without --mcpu says something else than skep, what it says, and why skep does not.
struct Difference {
  bool (*applies)(const FormInfo& row);
  std::string (*llvm_says)(Slots insn);
  std::string_view reason;
};

std::string says(const Slots& insn) { return disassemble(insn, 0); }

bool is_acquire_or_release(const FormInfo& row) {
  return row.operation == Operation::load_acquire_ || row.operation == Operation::store_release_;
}

const std::array kDifferences{
    Difference{[](const FormInfo& row) { return row.form == Form::call_subprog || row.form == Form::call_kfunc; },
               [](Slots insn) { return says({Insn(0x85, 0, 0, 0, insn[0].imm)}); },
               "LLVM does not print src and off, so that helpers, subprograms and kfuncs look alike"},
    Difference{[](const FormInfo& row) { return row.operands == Operands::packet_ind; },
               [](Slots insn) {
                 insn[0].imm = 0;
                 return says(insn);
               },
               "LLVM does not print the offset that is added to the register"},
    Difference{[](const FormInfo& row) { return row.wide() && row.form != Form::lddw_imm; },
               [](Slots insn) {
                 insn[1].imm = 0;
                 return says(insn);
               },
               "LLVM does not print the upper half, which holds the offset into a map's value"},
    Difference{[](const FormInfo& row) {
                 return row.form == Form::atomic_fetch_add32 || row.form == Form::load_acquire_w ||
                        row.form == Form::load_acquire_dw;
               },
               [](Slots insn) {
                 insn[0].imm = 0;
                 return says(insn);
               },
               "LLVM takes the imm of a plain atomic add for granted: 32-bit fetches need --mcpu=v3, acquire LLVM 20"},
    Difference{[](const FormInfo& row) {
                 return is_acquire_or_release(row) || (row.group == Group::atomic32 && row.form != Form::atomic_add32);
               },
               [](Slots) { return std::string("<unknown>"); },
               "LLVM knows 32-bit atomics with --mcpu=v3 only, acquire and release from LLVM 20 on"},
};

const Difference* difference_of(const FormInfo& row) {
  const auto found = std::find_if(kDifferences.begin(), kDifferences.end(),
                                  [&](const Difference& difference) { return difference.applies(row); });
  return found == kDifferences.end() ? nullptr : &*found;
}

/// The instructions in what `llvm-objdump-19 -d` printed: "  12:\tb7 01 … 00\tr1 = 0x5 <symbol>".
std::vector<Line> parse(const std::string& dump) {
  std::vector<Line> lines;
  std::istringstream stream(dump);
  for (std::string text; std::getline(stream, text);) {
    const auto colon = text.find(":\t");
    const auto tab = colon == std::string::npos ? colon : text.find('\t', colon + 2);
    if (tab == std::string::npos) continue;
    std::istringstream hex(text.substr(colon + 2, tab - colon - 2));
    std::vector<std::uint8_t> bytes;
    for (unsigned byte = 0; hex >> std::hex >> byte;) bytes.push_back(static_cast<std::uint8_t>(byte));
    Line line;
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::array<std::uint8_t, 8> slot{};
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 8, slot.begin());
      line.insn.push_back(std::bit_cast<Insn>(slot));
    }
    line.text = text.substr(tab + 1);
    const auto symbol = line.text.rfind(" <");
    if (line.text.ends_with('>') && symbol != std::string::npos) line.text.resize(symbol);
    std::replace(line.text.begin(), line.text.end(), '\t', ' ');
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Line> dump(const std::string& object, const std::string& options = "") {
  return parse(tools::output_of("llvm-objdump-19 -d " + options + " " + object).value_or(""));
}

/// Compares each line with what skep says; gives how many could be compared.
std::size_t compare(const std::vector<Line>& lines) {
  std::size_t compared = 0;
  for (const Line& line : lines) {
    const unsigned form = find_form(line.insn.at(0));
    if (form == kFormCount) continue;
    ++compared;
    const Difference* difference = difference_of(info(static_cast<Form>(form)));
    CHECK(line.text == (difference != nullptr ? difference->llvm_says(line.insn) : says(line.insn)));
  }
  return compared;
}

/// An object whose .text holds every sample of every form that `wanted` picks; empty when there is no assembler.
std::string object_of_forms(const tools::Scratch& scratch, bool (*wanted)(const FormInfo&)) {
  std::string source;
  for (const FormInfo& row : forms()) {
    if (!wanted(row)) continue;
    for (const auto& insn : test::samples(row)) {
      for (const Insn& slot : insn) source += fmt::format(".quad {:#x}\n", std::bit_cast<std::uint64_t>(slot));
    }
  }
  const std::string from = scratch.write("forms.s", source);
  const bool done =
      tools::output_of("llvm-mc-19 -triple bpfel -filetype=obj " + from + " -o " + from + ".o").has_value();
  return done ? from + ".o" : "";
}

bool tools_missing() {
  for (const char* tool : {"llvm-objdump-19", "llvm-mc-19", "clang-19"}) {
    if (tools::have(tool)) continue;
    MESSAGE("SKIP: no ", tool);
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE("llvm-objdump-19 prints every form as skep does, but for the listed differences") {
  if (tools_missing()) return;
  const tools::Scratch scratch;
  const std::string object = object_of_forms(scratch, [](const FormInfo&) { return true; });
  REQUIRE_FALSE(object.empty());
  std::size_t samples = 0;
  for (const FormInfo& row : forms()) samples += test::samples(row).size();
  CHECK(compare(dump(object)) == samples);
}

TEST_CASE("llvm-objdump-19 with --mcpu=v4 prints 32-bit atomics that give a value as skep does") {
  if (tools_missing()) return;
  const tools::Scratch scratch;
  const std::string object =
      object_of_forms(scratch, [](const FormInfo& row) { return row.group == Group::atomic32 && row.writes != 0; });
  REQUIRE_FALSE(object.empty());
  const auto lines = dump(object, "--mcpu=v4");
  CHECK(lines.size() > 100);
  for (const Line& line : lines) CHECK(line.text == says(line.insn));
}

TEST_CASE("llvm-mc-19 assembles what skep prints into the same bytes") {
  if (tools_missing()) return;
  const tools::Scratch scratch;
  // What llvm-mc-19 does not read: what LLVM does not print, plain atomics with r2 for w2, a gotol beyond 16 bits.
  const auto speaks = [](const FormInfo& row) {
    const bool unlike = difference_of(row) != nullptr && !(row.group == Group::atomic32 && row.writes != 0);
    return !unlike && row.form != Form::atomic_add32 && row.form != Form::gotol;
  };
  std::string text;
  Slots expected;
  for (const FormInfo& row : forms()) {
    if (!speaks(row)) continue;
    for (const auto& insn : test::samples(row)) {
      text += says(insn) + "\n";
      expected.insert(expected.end(), insn.begin(), insn.end());
    }
  }
  const std::string from = scratch.write("text.s", text);
  REQUIRE(
      tools::output_of("llvm-mc-19 -triple bpfel -mcpu=v4 -filetype=obj " + from + " -o " + from + ".o").has_value());
  Slots seen;
  for (const Line& line : dump(from + ".o")) seen.insert(seen.end(), line.insn.begin(), line.insn.end());
  REQUIRE(seen.size() == expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CAPTURE(i);
    CHECK(seen[i] == expected[i]);
  }
}

TEST_CASE("every listed difference is one") {
  for (const Difference& difference : kDifferences) {
    CAPTURE(difference.reason);
    bool differs = false;
    for (const FormInfo& row : forms()) {
      if (difference_of(row) != &difference) continue;
      for (const auto& insn : test::samples(row)) differs = differs || difference.llvm_says(insn) != says(insn);
    }
    CHECK(differs);
  }
}

TEST_CASE("llvm-objdump-19 prints compiled programs as skep does") {
  if (tools_missing()) return;
  const tools::Scratch scratch;
  std::size_t compared = 0;
  const auto is_program = [](const std::filesystem::path& path) { return path.string().ends_with(".bpf.c"); };
  for (const char* folder : {"tests/bpf", "examples"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!is_program(entry.path())) continue;
      for (const char* cpu : {"v1", "v3", "v4"}) {
        const std::string object = scratch.write("program.o", "");
        const auto built = tools::output_of(fmt::format(
            "clang-19 -target bpf -O2 -mcpu={} -I/usr/include/x86_64-linux-gnu -I/usr/include/$(uname -m)-linux-gnu "
            "-Iexamples -Itests/bpf -c {} -o {}",
            cpu, entry.path().string(), object));
        if (built) compared += compare(dump(object));
      }
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("llvm-objdump-19 prints the objects of installed packages as skep does") {
  if (tools_missing()) return;
  std::size_t compared = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/x86_64-linux-gnu/bpf", none)) {
    if (entry.path().extension() == ".o") compared += compare(dump(entry.path().string()));
  }
  if (none || compared == 0) {
    MESSAGE("SKIP: no BPF objects in /usr/lib/x86_64-linux-gnu/bpf (package xdp-tools)");
    return;
  }
  CHECK(compared > 1000);
}

}  // namespace skep::isa

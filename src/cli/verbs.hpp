// The verbs of the command: what each is asked, and the function that does it.
//
// main.cpp fills these from the command line. Every verb prints its answer on standard output, its troubles on standard
// error, and returns an exit code (exit_code.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <skep/executable.hpp>

#include "isa/text.hpp"

namespace skep::cli {

struct RunOptions {
  std::string object;
  std::string program;               ///< empty: the only one
  std::optional<std::string> pcap;   ///< packets to run on
  std::optional<std::string> write;  ///< where packets that were not dropped go
  std::optional<std::string> data;   ///< one input
  std::uint64_t repeat = 1;
  std::uint64_t budget = skep::RunOptions::kNoBudget;
  std::map<std::string, std::string> preload;  ///< map name → JSON file
  std::map<std::string, std::string> globals;  ///< variable → value
  std::map<std::string, std::string> events;   ///< ring buffer → type of its records
  std::map<std::string, std::uint32_t, std::less<>> max_entries;
  std::optional<std::string> btf;              ///< kernel types for CO-RE; absent: the running kernel's
  std::optional<std::string> kconfig;          ///< a kernel's configuration; absent: the running kernel's in /boot
  std::map<std::string, std::string> externs;  ///< extern → number or text
  bool json = false;
  bool all = false;
  std::optional<Mode> mode;  ///< absent: guarded
  bool verify = false;       ///< first; run by what was proven, or, with Mode::enforced, checked all the same
  Engine engine = Engine::best;
  bool perf_map = false;
  std::optional<std::string> jitdump;  ///< folder
  bool gdb = false;
};
int run(const RunOptions& options);

struct InspectOptions {
  std::vector<std::string> objects;
  std::optional<std::string> btf;  ///< kernel types for CO-RE; absent: relocations stay needs
  bool json = false;
  bool types = false;                   ///< C declarations of all types, nothing else
  std::optional<std::string> base_btf;  ///< with `types`: what split types stand on
};
int inspect(const InspectOptions& options);

struct DisOptions {
  std::string object;
  std::string program;             ///< empty: all
  std::optional<std::string> btf;  ///< as for inspect
  isa::Style style = isa::Style::llvm;
  bool bytes = false;
  enum class Jit : std::uint8_t { no, text, raw };
  Jit jit = Jit::no;  ///< machine code beside the instructions
  enum class Trust : std::uint8_t { best, guarded, verified, unguarded };
  Trust trust = Trust::best;  ///< how it is built; best: verified, or else guarded
  bool metered = false;
  bool no_blind = false;  ///< numbers as they are
};
int dis(const DisOptions& options);

struct VerifyOptions {
  std::vector<std::string> objects;
  std::string program;             ///< empty: all
  std::optional<std::string> btf;  ///< as for run
  bool unprivileged = false;
  bool strict_alignment = false;
  bool explain = false;  ///< all problems, with the paths that lead to them
  bool json = false;
  bool profile = false;
  unsigned log = 0;  ///< 1, 2: Linux' log instead of anything else
};
int verify(const VerifyOptions& options);

struct LinkOptions {
  std::string output;
  std::vector<std::string> objects;
};
int link(const LinkOptions& options);

struct SkeletonOptions {
  std::string object;
  std::optional<std::string> name;  ///< of the namespace; made of the file's name when absent
  std::vector<std::string> words;   ///< "name" and NAME, as bpftool takes it
  std::optional<std::string> output;
};
int gen_skeleton(const SkeletonOptions& options);

struct AsmOptions {
  std::string source = "-";
  std::optional<std::string> output;
  bool hex = false;    ///< bytes, on one line
  bool words = false;  ///< 64-bit words, one a line
};
int assemble(const AsmOptions& options);

struct PluginOptions {
  std::optional<std::string> program;  ///< hex; absent: standard input
  std::string memory;                  ///< hex
  bool elf = false;
  bool debug = false;
};
int plugin(const PluginOptions& options);

struct TestIsaOptions {
  std::string folder = "../shared/conformance/isa";
};
int test_isa(const TestIsaOptions& options);

}  // namespace skep::cli

// Objects and programs: what a compiled `.o` file holds, opened and ready to be built.
//
// Object and Program are cheap handles to shared, immutable data; copies name the same thing and may be used from any
// thread. An Object owns live maps: they are made when it is loaded and live as long as any handle or executable needs
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>
#include <skep/extern_value.hpp>
#include <skep/global.hpp>
#include <skep/host.hpp>
#include <skep/insn.hpp>
#include <skep/map.hpp>
#include <skep/open_object.hpp>
#include <skep/section_rule.hpp>
#include <skep/types.hpp>

namespace skep {

namespace program {
struct Program;
}
namespace loader {
struct ObjectSpec;
}

struct ObjectData;

/// Choices when an object is loaded.
struct ObjectOptions {
  std::shared_ptr<Host>
      host;  ///< gives the number of CPUs, and is the default host of its executables; null: a process host
  std::uint64_t max_map_bytes = std::uint64_t{4} << 30;     ///< address space all maps together may take; ENOMEM above
  std::uint64_t max_file_bytes = std::uint64_t{256} << 20;  ///< load_file() refuses larger files
  /// Kernel types that CO-RE relocations, kernel symbols and kernel functions are looked up in: path of a raw BTF file,
  /// or of an ELF file with a section .BTF (vmlinux). Read only when the object has such. Where the default does not
  /// exist, or with an empty path, the object opens all the same and its programs name what they ask for
  /// (Program::needs).
  std::string target_btf = kHostBtf;
  static constexpr const char* kHostBtf = "/sys/kernel/btf/vmlinux";  ///< the running kernel's types
  /// Where target_btf is split BTF, of a module: what it stands on.
  std::string target_btf_base;
  /// Types of the kernel's modules, for what target_btf lacks: a folder of split BTF files, named as the modules are;
  /// an empty path for none. Without a value: /sys/kernel/btf when target_btf is the running kernel's, else none.
  std::optional<std::string> target_btf_modules;
  /// A kernel's configuration, for CONFIG_ variables that `externs` lacks: path of a text file, gzipped or not; an
  /// empty path for none. Without a value: /boot/config-$(uname -r) or /proc/config.gz, where there is one. Read only
  /// when the object has such variables.
  std::optional<std::string> kconfig;
  /// Addresses of kernel symbols, for `__ksym` variables without a type that `externs` lacks: path of a file as
  /// /proc/kallsyms, which stands where there is no value; an empty path for none. A kernel that hides its addresses
  /// shows them as 0. Read only when the object has such variables.
  std::optional<std::string> kallsyms;
  /// Values of `__kconfig` variables and addresses of `__ksym` variables, by name; they win over all else, also over
  /// the running kernel's LINUX_KERNEL_VERSION, LINUX_HAS_BPF_COOKIE and LINUX_HAS_SYSCALL_WRAPPER. Names that the
  /// object does not ask for are not minded. A value that does not fit its variable is an error.
  std::map<std::string, ExternValue, std::less<>> externs;
  /// What sections are that libbpf's rules do not know, asked in this order; without a rule, a section's type is
  /// guessed by the start of its name.
  std::vector<SectionRule> sections;
  /// By map name: sizes set before the maps are made. OpenMap changes all else.
  std::map<std::string, std::uint32_t, std::less<>> max_entries;
  /// By name of a map of maps: what the maps inside look like, where the object does not say so
  /// (bpf_map__set_inner_map_fd of libbpf). Without, such a map refuses every operation, and programs that use it
  /// cannot be built.
  std::map<std::string, MapSpec, std::less<>> inner_maps;
};

/// One program of an object.
class Program {
 public:
  /// A program out of raw instructions, with the maps that its `lddw` references name by index; helpers that Linux keeps
  /// for programs under its own license are the verifier's to allow, by `license` ("GPL"). Refused when an
  /// instruction is none (ErrorCode::malformed, "insn 3: …") or a jump leaves the program.
  [[nodiscard]] static Result<Program> from_insns(std::span<const Insn> insns, ProgType type = ProgType::unspec,
                                                  std::span<const Map> maps = {}, std::string_view license = {});

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& section() const;
  [[nodiscard]] ProgType type() const;
  /// See OpenProgram::autoload().
  [[nodiscard]] bool autoload() const;
  /// Relocated instructions, subprograms behind the entry function.
  [[nodiscard]] std::span<const Insn> insns() const;
  /// The maps that `lddw` references index.
  [[nodiscard]] std::span<const Map> maps() const;
  /// The source line of an instruction as "file.c:12: text"; empty when unknown.
  [[nodiscard]] std::string source_at(std::uint32_t pc) const;
  /// What the program asks for that skep cannot give it, by name; empty for a program that can be built. It can also be
  /// built when all that is named are kernel functions which the application gives then (BuildOptions::kfuncs).
  [[nodiscard]] std::vector<std::string> needs() const;

  /// For the library's own rooms.
  [[nodiscard]] const std::shared_ptr<const program::Program>& data() const { return program_; }
  [[nodiscard]] const std::shared_ptr<const ObjectData>& owner() const { return owner_; }

 private:
  friend class Object;
  Program(std::shared_ptr<const ObjectData> owner, std::shared_ptr<const program::Program> program)
      : owner_(std::move(owner)), program_(std::move(program)) {}
  std::shared_ptr<const ObjectData> owner_;
  std::shared_ptr<const program::Program> program_;
};

class Object {
 public:
  /// Reads and opens an object file; makes its maps. Errors say which section, symbol or map, and why. A map of a type
  /// that skep has no storage for does not keep the object from opening: it refuses every operation, and programs that
  /// use it cannot be built. This is OpenObject::open_file() and load() in one.
  [[nodiscard]] static Result<Object> load_file(const std::string& path, const ObjectOptions& options = {});
  /// The same out of memory; `bytes` may go away afterwards. `name` stands for the file name.
  [[nodiscard]] static Result<Object> load(std::span<const std::byte> bytes, std::string name = "object",
                                           const ObjectOptions& options = {});

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& license() const;
  /// What was assumed while opening, one sentence each; usually none.
  [[nodiscard]] const std::vector<std::string>& notes() const;

  [[nodiscard]] std::vector<Program> programs() const;
  /// The program whose function has this name. Error not_found lists those there are.
  [[nodiscard]] Result<Program> program(std::string_view name) const;
  [[nodiscard]] std::span<const Map> maps() const;
  /// The map of this name (".rodata", ".bss" for global variables, whole or by section). Error not_found lists those
  /// there are.
  [[nodiscard]] Result<Map> map(std::string_view name) const;

  /// The global variables, static ones included.
  [[nodiscard]] std::vector<Variable> variables() const;
  /// The one of this name, in `section` (".data.custom") or in any. Errors: not_found; invalid when there are several.
  [[nodiscard]] Result<Variable> variable(std::string_view name, std::string_view section = {}) const;
  /// The same as a T: `object->global<int>("debug") = 1`. See Global.
  template <GlobalValue T>
  [[nodiscard]] Global<T> global(std::string_view name) const {
    return Global<T>(variable(name));
  }

  /// For skeletons: the memory of a section of globals, of at least `bytes`; not to be written where frozen. Good as
  /// long as the object or a map, program or variable of it lives.
  [[nodiscard]] Result<void*> section_memory(std::string_view section, std::size_t bytes) const;
  /// For the library's own rooms.
  [[nodiscard]] const loader::ObjectSpec& spec() const;

 private:
  friend class OpenObject;
  explicit Object(std::shared_ptr<const ObjectData> data) : data_(std::move(data)) {}
  std::shared_ptr<const ObjectData> data_;
};

}  // namespace skep

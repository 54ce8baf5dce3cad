// The road from bytes to ObjectSpec, step by step: ELF, BTF, maps, externs, functions, CO-RE, relocations, programs,
// initial slots.
#include "loader/object_spec.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "btf/core.hpp"
#include "loader/core_relocate.hpp"
#include "loader/maps.hpp"
#include "loader/needs.hpp"
#include "loader/programs.hpp"
#include "loader/slots.hpp"
#include "loader/source.hpp"
#include "loader/struct_ops.hpp"

namespace skep::loader {
namespace {

constexpr std::uint16_t kMachineBpf = 247, kMachineNone = 0, kRelocatable = 1;
constexpr std::size_t kMaxLicense = 127;  // bytes; Linux reads no more

Result<void> check_header(Source& source) {
  const elf::File& file = source.file;
  if (file.machine != kMachineBpf && file.machine != kMachineNone)
    return fail(ErrorCode::unsupported, "elf",
                fmt::format("the file is for machine {}, BPF objects are for machine {}", file.machine, kMachineBpf));
  if (file.machine == kMachineNone) source.notes.add("the ELF header names no machine, taken for BPF");
  if (file.type != kRelocatable)
    return fail(ErrorCode::unsupported, "elf",
                fmt::format("file type is {}, needs {} (relocatable)", file.type, kRelocatable));
  return {};
}

/// BTF describes maps and externs; where nothing needs it, an object opens without it.
Result<void> read_btf(Source& source) {
  const elf::Section* types = source.file.find(".BTF");
  if (types == nullptr || types->data.empty()) return {};
  auto btf = btf::Btf::parse(types->data);
  if (!btf) {
    if (maps_section(source.file) != nullptr) return fail(std::move(btf).error());
    source.notes.add(fmt::format("BTF is left out: {}", btf.error().message()));
    return {};
  }
  source.btf = std::move(*btf);
  const elf::Section* ext = source.file.find(".BTF.ext");
  if (ext == nullptr || ext->data.empty()) return {};
  auto parsed = btf::BtfExt::parse(ext->data, *source.btf);
  if (!parsed) return fail(std::move(parsed).error());  // without it, CO-RE relocations would be overlooked
  source.ext = std::move(*parsed);
  return {};
}

std::string read_license(const elf::File& file) {
  const elf::Section* section = file.find("license");
  if (section == nullptr) return {};
  const std::string_view text(reinterpret_cast<const char*>(section->data.data()),
                              std::min(section->data.size(), kMaxLicense));
  return std::string(text.substr(0, text.find('\0')));
}

std::uint32_t read_version(const elf::File& file) {
  const elf::Section* section = file.find("version");
  return section == nullptr ? 0 : ByteReader(section->data).read<std::uint32_t>(0).value_or(0);
}

/// True when something in the object can only be answered by a target's types.
bool asks_target(const Source& source) {
  constexpr auto kAboutItself = static_cast<std::uint32_t>(btf::CoreKind::type_id_local);
  return std::any_of(source.ext.relocs.begin(), source.ext.relocs.end(),
                     [](const btf::CoreReloc& reloc) { return reloc.kind != kAboutItself; });
}

/// The modules' types, loaded when they are first asked for. Both arguments outlive it.
btf::CoreTarget::Modules modules_of(const Surroundings& around, const Types& kernel) {
  if (!around.module_types || kernel == nullptr) return {};
  const auto loaded = std::make_shared<std::optional<Result<std::vector<Types>>>>();
  return [&around, &kernel, loaded] {
    if (!*loaded) *loaded = around.module_types(kernel);
    return **loaded;
  };
}

}  // namespace

Result<ObjectSpec> parse_object(std::span<const std::byte> bytes, std::string name, const TargetTypes& target_types,
                                const Surroundings& around) {
  Source source;
  source.input_bytes = bytes.size();
  auto file = elf::File::parse(bytes);
  if (!file) return fail(std::move(file).error());
  source.file = std::move(*file);
  if (auto done = check_header(source); !done) return fail(std::move(done).error());
  if (auto done = read_btf(source); !done) return fail(std::move(done).error());

  ObjectSpec object;
  object.name = std::move(name);
  object.license = read_license(source.file);
  object.kernel_version = read_version(source.file);

  auto maps = read_maps(source);
  if (!maps) return fail(std::move(maps).error());
  auto externs = Externs::read(source);
  if (!externs) return fail(std::move(externs).error());
  if (auto done = externs->make_kconfig(source, around, *maps); !done) return fail(std::move(done).error());
  auto code = read_code(source);
  if (!code) return fail(std::move(code).error());
  const auto struct_ops = StructOpsMaps::read(source, *code, *maps);
  if (!struct_ops) return fail(struct_ops.error());
  std::shared_ptr<const btf::Btf> target;
  if (target_types && (asks_target(source) || externs->asks_target() || !struct_ops->empty())) {
    auto given = target_types();
    if (!given) return fail(std::move(given).error());
    target = std::move(*given);
  }
  const btf::CoreTarget::Modules modules = modules_of(around, target);
  const auto marks = relocate_core(source, target.get(), *code, modules);
  if (!marks) return fail(marks.error());
  if (auto done = externs->resolve_symbols(source.btf.get(), target.get(), modules, around); !done)
    return fail(std::move(done).error());
  const auto fixups = read_fixups(source, *code, *maps, *externs);
  if (!fixups) return fail(fixups.error());

  Annotations annotations(source, *marks);
  const ExceptionCallbacks callbacks = ExceptionCallbacks::read(source, *code);
  Linker linker({*code, *fixups, *externs, callbacks, annotations});
  auto programs = make_programs(source, *code, linker, object.license, around.sections);
  if (!programs) return fail(std::move(programs).error());
  struct_ops->bind(source.btf.get(), target.get(), *maps, *programs);
  if (auto done = read_slots(source, *programs, *maps); !done) return fail(std::move(done).error());

  object.programs = std::move(*programs);
  object.maps = std::move(maps->defs());
  object.btf = std::move(source.btf);
  object.notes = source.notes.take();
  return object;
}

}  // namespace skep::loader

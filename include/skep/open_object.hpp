// Objects between open and load: read and relocated, nothing made yet but the memory of global variables.
//
// This is where an application says what the maps shall be, writes .rodata, and leaves out maps and programs it does
// not want, as between libbpf's bpf_object__open and bpf_object__load:
//
//     auto open = skep::OpenObject::open_file("filter.bpf.o");
//     open->global<int>("debug") = 1;
//     open->map("drops")->set_max_entries(64);
//     auto object = open->load();
//
// Everything here belongs to one thread until load(). Maps and programs are cheap handles that name their object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>
#include <skep/global.hpp>
#include <skep/map.hpp>
#include <skep/types.hpp>

namespace skep {

namespace loader {
struct ObjectSpec;
}

class Object;
struct ObjectOptions;
struct OpenData;

/// A map that will be made. Setters fail with EBUSY when the object is loaded; whether a map of that kind can be, is
/// found out then.
class OpenMap {
 public:
  [[nodiscard]] const std::string& name() const { return spec().name; }
  /// As it is set now.
  [[nodiscard]] const MapSpec& spec() const;
  /// Of a section of global variables or of externs, whose type and key stay as they are (EOPNOTSUPP).
  [[nodiscard]] bool holds_globals() const;

  Result<void> set_type(MapType type) const;
  Result<void> set_key_size(std::uint32_t bytes) const;
  /// Of a section of global variables: gives it more or less room. Values that still fit stay; when the last variable
  /// is an array whose elements fill the room, it takes all of it, otherwise the section's types are forgotten.
  Result<void> set_value_size(std::uint32_t bytes) const;
  /// A ring buffer's is raised to a power of two of pages.
  Result<void> set_max_entries(std::uint32_t entries) const;
  Result<void> set_flags(std::uint32_t flags) const;
  Result<void> set_map_extra(std::uint64_t extra) const;
  Result<void> set_numa_node(std::uint32_t node) const;
  /// What the maps inside an array or hash of maps look like; EINVAL for other types.
  Result<void> set_inner(const MapSpec& inner) const;
  /// Without it the map is not made: programs that name it keep a poisoned instruction there, which may stay as long as
  /// none runs it, and every operation on the map is refused. Maps in sections whose name starts with '?' are left out
  /// unless this says otherwise.
  Result<void> set_autocreate(bool create) const;
  [[nodiscard]] bool autocreate() const;

 private:
  friend class OpenObject;
  OpenMap(std::shared_ptr<OpenData> owner, std::uint32_t index) : owner_(std::move(owner)), index_(index) {}
  template <class Change>
  Result<void> change(Change apply) const;

  std::shared_ptr<OpenData> owner_;
  std::uint32_t index_;
};

/// A program that will be there. Setters fail with EBUSY when the object is loaded.
class OpenProgram {
 public:
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& section() const;
  [[nodiscard]] ProgType type() const;
  /// False when the section's name starts with '?', or the application said so. Says whether a skeleton builds the
  /// program when it is loaded; Executable::build asks nobody.
  [[nodiscard]] bool autoload() const;
  Result<void> set_autoload(bool load) const;
  /// For sections whose name does not tell.
  Result<void> set_type(ProgType type) const;

 private:
  friend class OpenObject;
  OpenProgram(std::shared_ptr<OpenData> owner, std::uint32_t index) : owner_(std::move(owner)), index_(index) {}
  template <class Change>
  Result<void> change(Change apply) const;

  std::shared_ptr<OpenData> owner_;
  std::uint32_t index_;
};

class OpenObject {
 public:
  /// Reads, relocates, answers externs. Errors say which section, symbol or map, and why.
  [[nodiscard]] static Result<OpenObject> open_file(const std::string& path, const ObjectOptions& options);
  [[nodiscard]] static Result<OpenObject> open_file(const std::string& path);
  /// The same out of memory; `bytes` may go away afterwards. `name` stands for the file name.
  [[nodiscard]] static Result<OpenObject> open(std::span<const std::byte> bytes, std::string name,
                                               const ObjectOptions& options);
  [[nodiscard]] static Result<OpenObject> open(std::span<const std::byte> bytes, std::string name = "object");

  OpenObject(OpenObject&&) noexcept = default;
  OpenObject& operator=(OpenObject&&) noexcept = default;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& license() const;
  /// What was assumed while opening, one sentence each; usually none.
  [[nodiscard]] const std::vector<std::string>& notes() const;

  [[nodiscard]] std::vector<OpenMap> maps() const;
  /// Error not_found lists those there are, here and below.
  [[nodiscard]] Result<OpenMap> map(std::string_view name) const;
  [[nodiscard]] std::vector<OpenProgram> programs() const;
  [[nodiscard]] Result<OpenProgram> program(std::string_view name) const;

  /// Global variables with their initial values; handles stay good when the object is loaded. As in Object.
  [[nodiscard]] std::vector<Variable> variables() const;
  [[nodiscard]] Result<Variable> variable(std::string_view name, std::string_view section = {}) const;
  template <GlobalValue T>
  [[nodiscard]] Global<T> global(std::string_view name) const {
    return Global<T>(variable(name));
  }

  /// What a map begins with that is no section of globals: of a struct_ops map the object's struct, its functions left
  /// 0; of an arena its first bytes. May be written until load(), and stays where it is as long as this lives.
  /// Error not_found for other maps.
  [[nodiscard]] Result<std::span<std::byte>> initial_value(std::string_view map) const;

  /// Makes the maps and freezes .rodata. Once; EBUSY afterwards. After another error nothing has happened: settings may
  /// be changed, and load() tried again.
  [[nodiscard]] Result<Object> load() const;

  /// For skeletons: the memory of a section of globals, of at least `bytes`. Good until its value size is set, then as
  /// long as the object or a map, program or variable of it lives.
  [[nodiscard]] Result<void*> section_memory(std::string_view section, std::size_t bytes) const;
  /// For the library's own rooms.
  [[nodiscard]] const loader::ObjectSpec& spec() const;

 private:
  explicit OpenObject(std::shared_ptr<OpenData> data) : data_(std::move(data)) {}
  std::shared_ptr<OpenData> data_;
};

}  // namespace skep

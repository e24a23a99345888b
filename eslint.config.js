/**
 * Lint rules. Types are checked by tsc and layout by prettier; what is left here are the mistakes that both let through:
 * forgotten promises, unsafe values, cases that a switch misses.
 */
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules/', 'build/', 'build-*/', 'data/', 'coverage/', 'bench/out/', 'test/fixtures/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/ban-ts-comment': ['error', { minimumDescriptionLength: 10 }],
      // Numbers and booleans print as one expects.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A port may ask for a promise where a driver has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // tsc reports unused names already, and knows the underscore.
      '@typescript-eslint/no-unused-vars': 'off',
      // Matching control characters is how ids are kept free of them.
      'no-control-regex': 'off',
      eqeqeq: 'error',
      'no-constant-binary-expression': 'error',
      'no-console': 'error',
      'prefer-const': 'error',
    },
  },
  {
    // Test worlds are objects of closures, taken apart where they are used.
    files: ['test/**'],
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    // Programs for a terminal.
    files: ['src/cli/**', 'bench/**', 'test/harness/**', 'test/replay/**', 'scripts/**'],
    rules: { 'no-console': 'off' },
  },
  {
    // Plain JavaScript is outside the TypeScript project.
    files: ['**/*.js', '**/*.mjs'],
    ...tseslint.configs.disableTypeChecked,
  },
);
